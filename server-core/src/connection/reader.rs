//! A connection's incoming messages. Between two of them nothing is kept: most connections are silent most of the time,
//! and tungstenite with its buffer lives only from the first byte of a message to its last.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use protocol::limits::CLIENT_FRAME_BYTES;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::border::Border;
use super::wire::Line;

/// Read at a time. Most frames of a chat are shorter.
const READ: usize = 4 * 1024;

/// What has been heard of a connection but not yet handed out.
#[derive(Debug, Default)]
pub(super) struct Reader {
    hearing: Option<Box<Hearing>>,
    /// What the HTTP part had read beyond its own end.
    early: Vec<u8>,
    begun: u32,
    ended: bool,
}

#[derive(Debug)]
struct Hearing {
    context: WebSocketContext,
    border: Border,
    /// A close has come or gone: the context knows, and must stay.
    closing: bool,
}

impl Reader {
    /// A reader for a socket of which `early` has been read already.
    pub(super) fn new(early: Vec<u8>) -> Self {
        Self { early, ..Self::default() }
    }

    /// The next message; `None` once the WebSocket protocol has ended. After an error nothing comes any more.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        line: &mut Line,
        most: usize,
    ) -> Poll<Option<Result<Message, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = self.poll_message(cx, line, most);
        if let Some(hearing) = &mut self.hearing {
            self.begun = self.begun.saturating_add(hearing.border.take_begun());
        }
        match &polled {
            Poll::Pending if self.hearing.as_ref().is_some_and(|hearing| hearing.is_at_rest()) => {
                self.hearing = None;
            }
            Poll::Ready(Err(_)) => self.ended = true,
            _ => {}
        }
        polled.map(|message| match message {
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => None,
            message => Some(message),
        })
    }

    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        line: &mut Line,
        most: usize,
    ) -> Poll<Result<Message, Error>> {
        if self.hearing.is_none() {
            let first = match std::mem::take(&mut self.early) {
                early if early.is_empty() => match std::task::ready!(poll_first(cx, line))? {
                    first if first.is_empty() => {
                        return Poll::Ready(Err(ProtocolError::ResetWithoutClosingHandshake.into()));
                    }
                    first => first,
                },
                early => early,
            };
            self.hearing = Some(Box::new(Hearing::new(first, most)));
        }
        let hearing = self.hearing.as_mut().expect("it was made just now");
        let Hearing { context, border, closing } = &mut **hearing;
        if context.get_config().max_frame_size != Some(most) {
            context.set_config(|config| {
                (config.max_message_size, config.max_frame_size) = (Some(most), Some(most));
            });
        }
        match context.read(&mut Flow { cx, line, border }) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            message => {
                *closing |= matches!(message, Ok(Message::Close(_)));
                Poll::Ready(message)
            }
        }
    }

    /// How many frames have begun since the last call, those of control and the parts of messages included.
    pub(super) fn take_begun(&mut self) -> u32 {
        std::mem::take(&mut self.begun)
    }

    /// Says goodbye; the peer's own comes by [`Reader::poll_next`], if it has not come already.
    pub(super) fn close(
        &mut self,
        cx: &mut Context<'_>,
        line: &mut Line,
        frame: CloseFrame,
    ) -> Result<(), Error> {
        let early = std::mem::take(&mut self.early);
        let hearing = self.hearing.get_or_insert_with(|| Box::new(Hearing::new(early, CLIENT_FRAME_BYTES)));
        hearing.closing = true;
        hearing.context.close(&mut Flow { cx, line, border: &mut hearing.border }, Some(frame))
    }
}

impl Hearing {
    fn new(first: Vec<u8>, most: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(0)
            .max_message_size(Some(most))
            .max_frame_size(Some(most));
        let mut border = Border::default();
        border.pass(&first);
        let context = WebSocketContext::from_partially_read(first, Role::Server, Some(config));
        Self { context, border, closing: false }
    }

    fn is_at_rest(&self) -> bool {
        self.border.is_at_rest() && !self.closing
    }
}

/// The first bytes of a message; none at the end of the stream.
fn poll_first(cx: &mut Context<'_>, line: &mut Line) -> Poll<io::Result<Vec<u8>>> {
    let mut room = [std::mem::MaybeUninit::uninit(); READ];
    let mut buffer = ReadBuf::uninit(&mut room);
    std::task::ready!(Pin::new(&mut line.wire).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().to_vec()))
}

/// What tungstenite takes for the socket. What it writes (answers to pings and closes) goes through the outlet like
/// everything else, or it would end up in the middle of a frame.
struct Flow<'a, 'b> {
    cx: &'a mut Context<'b>,
    line: &'a mut Line,
    border: &'a mut Border,
}

impl Read for Flow<'_, '_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(room);
        match Pin::new(&mut self.line.wire).poll_read(self.cx, &mut buffer) {
            Poll::Ready(read) => {
                read?;
                self.border.pass(buffer.filled());
                Ok(buffer.filled().len())
            }
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Flow<'_, '_> {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        self.line.outlet.control(&Bytes::copy_from_slice(frames));
        Ok(frames.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
