//! How a connection ends: its last words are not lost to a reset, and whoever is sent away stays away.
//!
//! Refuses to wait without end: each step has the patience of one farewell.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use protocol::CloseCode;
use protocol::limits::CLIENT_FRAME_BYTES;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::{Connection, Standing};
use crate::budget::Exiled;

/// Most bytes of a garbled connection thrown away while it takes its last words.
const DISCARD: usize = 16 * 1024 * 1024;

impl Connection {
    /// Ends an abusive connection; whoever it is stays away for a while.
    pub(super) fn send_away(&mut self) {
        self.line.outlet.close(CloseCode::Abuse);
        let who = match self.member() {
            Some(member) => Some(Exiled::Member(member)),
            // Behind a proxy that is not trusted, everyone has one address.
            None => (!self.peer.is_anyone()).then(|| Exiled::Source(self.peer.address.into())),
        };
        if let Some(who) = who.filter(|_| self.budget.is_some()) {
            self.host.budgets.send_away(&self.host.limits(), who, std::time::Instant::now());
        }
    }

    /// Leaves at once, then says why for as long as the peer may take to hear it.
    pub(super) async fn farewell(&mut self, code: CloseCode) {
        self.standing = Standing::Stranger;
        let frame = CloseFrame { code: code.code().into(), reason: Utf8Bytes::from_static(code.reason()) };
        let mut frame = Some(frame);
        let closed =
            poll_fn(|cx| Poll::Ready(frame.take().map(|frame| self.reader.close(cx, &mut self.line, frame))));
        if matches!(closed.await, Some(Ok(()))) && self.last_words().await {
            self.hear_out(self.host.config.timeouts.farewell).await;
        }
    }

    /// Writes what still waits, for as long as the peer may take for it. Says whether it did.
    pub(super) async fn last_words(&mut self) -> bool {
        let written = timeout(self.host.config.timeouts.farewell, self.line.write_out()).await;
        matches!(written, Ok(Ok(())))
    }

    /// Waits until the peer has closed, so that the last words are not lost to a reset.
    async fn hear_out(&mut self, patience: Duration) {
        if !self.garbled {
            let (reader, line) = (&mut self.reader, &mut self.line);
            let goodbye = async {
                while let Some(Ok(_)) = poll_fn(|cx| reader.poll_next(cx, line, CLIENT_FRAME_BYTES)).await {}
            };
            let _ = timeout(patience, goodbye).await;
            return;
        }
        let io = &mut self.line.wire;
        let mut buffer = [0; 4096];
        let mut discarded = 0;
        let discard = async {
            while discarded < DISCARD {
                match io.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => discarded += count,
                }
            }
        };
        let _ = timeout(patience, discard).await;
    }
}
