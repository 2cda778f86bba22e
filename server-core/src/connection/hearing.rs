//! What a connection hears: messages are taken off the socket one by one, and read.
//!
//! Refuses to guess: what can't be read is answered as a fault, and too many of them, or a stream that is no WebSocket
//! any more, end the connection.

use std::task::{Context, Poll};

use protocol::limits::{CLIENT_FRAME_BYTES, STRANGER_FRAME_BYTES};
use protocol::{ClientFrame, DecodeError, ErrorCode, decode_client};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{Connection, Gone, Pending, Standing};
use crate::error::Refusal;

impl Connection {
    /// The next message. Frames without one cost something too, or a flood of them would be free.
    pub(super) fn poll_hear(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, tungstenite::Error>>> {
        let most = self.largest_frame();
        let polled = self.reader.poll_next(cx, &mut self.line, most);
        self.quiet += i64::from(self.reader.take_begun());
        match &polled {
            Poll::Ready(Some(Ok(Message::Text(_) | Message::Binary(_)))) => self.quiet -= 1,
            Poll::Pending if self.quiet > 0 => {
                let quiet = u32::try_from(std::mem::take(&mut self.quiet)).unwrap_or(u32::MAX);
                let (limits, now) = (self.host.limits(), std::time::Instant::now());
                if self.budget.as_mut().is_some_and(|budget| !budget.listen(&limits, quiet, now)) {
                    self.send_away();
                }
            }
            _ => {}
        }
        polled
    }

    fn largest_frame(&self) -> usize {
        if matches!(self.standing, Standing::Member(_)) { CLIENT_FRAME_BYTES } else { STRANGER_FRAME_BYTES }
    }

    pub(super) fn receive(
        &mut self,
        message: Result<Message, tungstenite::Error>,
    ) -> Result<Option<Pending>, Gone> {
        self.heard = Instant::now();
        match message {
            Ok(Message::Text(text)) => Ok(self.hear(&text)),
            Ok(Message::Binary(_)) => {
                self.fault(None, Refusal::new(ErrorCode::BadFrame, "frames are JSON text, not binary"));
                Ok(None)
            }
            Ok(Message::Ping(_)) => {
                self.answered = true;
                Ok(None)
            }
            Ok(Message::Pong(_) | Message::Frame(_)) => Ok(None),
            // Reading on lets tungstenite answer the close; then the stream ends.
            Ok(Message::Close(_)) => Ok(None),
            Err(tungstenite::Error::Capacity(_)) => {
                let most = self.largest_frame();
                self.garble(format!("a frame may have at most {most} bytes; this one had more"));
                Ok(None)
            }
            Err(tungstenite::Error::Utf8(_)) => {
                self.garble("frames are UTF-8 text".into());
                Ok(None)
            }
            Err(tungstenite::Error::Protocol(error)) if !is_plain_end(&error) => {
                self.garble("this is not the WebSocket protocol".into());
                Ok(None)
            }
            Err(_) => Err(Gone),
        }
    }

    /// The stream can't be read on: says why and ends it.
    fn garble(&mut self, why: String) {
        self.garbled = true;
        self.line.outlet.refuse(None, Refusal::new(ErrorCode::BadFrame, why));
        self.send_away();
    }

    fn hear(&mut self, text: &str) -> Option<Pending> {
        self.answered = true;
        match decode_client(text) {
            Ok(ClientFrame { req, request }) => match self.spend(&request, text.len()) {
                Ok(()) => self.take(req, request),
                Err(refusal) => {
                    self.line.outlet.answer(req, Err(refusal));
                    None
                }
            },
            Err(error) => {
                let req = match &error {
                    DecodeError::Malformed { req, .. } => *req,
                    DecodeError::TooLarge { .. } => None,
                };
                self.fault(req, Refusal::new(ErrorCode::BadFrame, error.to_string()));
                None
            }
        }
    }

    /// Refuses an unreadable frame; too many of them end the connection.
    fn fault(&mut self, req: Option<u32>, refusal: Refusal) {
        self.line.outlet.refuse(req, refusal);
        if !self.faults.forgives(self.member().is_some(), std::time::Instant::now()) {
            self.send_away();
        }
    }
}

/// Ends that are no fault of the protocol.
fn is_plain_end(error: &tungstenite::error::ProtocolError) -> bool {
    use tungstenite::error::ProtocolError as Error;
    matches!(
        error,
        Error::ResetWithoutClosingHandshake | Error::SendAfterClosing | Error::ReceivedAfterClosing
    )
}
