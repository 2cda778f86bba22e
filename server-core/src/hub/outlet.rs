//! One connection's way out: frames go to the socket at once, and wait only while it takes no more.
//!
//! Everything a connection writes goes through here, so frames never interleave. Whoever has something to say writes
//! it, encrypted or not; the connection's own task is woken only for what the socket refuses, because waking it costs
//! more than the write.
//!
//! What waits is bounded in bytes and never blocks those who add to it. A full outlet does not slow the room down
//! and drops nothing silently: it ends its one connection, whose next sync brings what is missing.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use protocol::{CloseCode, Failure, Reply, ServerFrame};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Bytes;

use super::frame::{rest_of_frame, text_frame};
use crate::connection::sealed::{Seal, Written};
use crate::error::Refusal;

/// Counted per waiting piece besides its bytes: its place in the queue and its share of the bytes' header.
const PIECE_OVERHEAD: usize = 64;

/// Waiting beyond this holds the connection's next request back.
const HOLD_BACK: usize = 64 * 1024;

/// Small pieces that wait are joined into writes of about this size: one TLS record.
const WRITE_BATCH: usize = 16 * 1024;

/// One connection's way out.
#[derive(Debug)]
pub(crate) struct Outlet {
    waiting: Mutex<Waiting>,
    wake: Notify,
    /// The socket, if there is one.
    open: Option<Way>,
    limit: usize,
}

/// A socket as whoever speaks writes to it.
#[derive(Debug)]
pub(crate) enum Way {
    /// As it is.
    Plain(OwnedWriteHalf),
    /// Encrypted.
    Sealed(Seal),
}

#[derive(Debug, Default)]
struct Waiting {
    /// Whole frames, but for the first `begun` bytes: the end of one that the socket has taken in part.
    pieces: VecDeque<Bytes>,
    begun: usize,
    bytes: usize,
    /// Something is encrypted that the socket has not taken yet.
    behind: bool,
    close: Option<CloseCode>,
    /// What waited was given up.
    cut: bool,
}

/// What a connection's task finds when it looks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// There is something to write.
    Write,
    /// Say this and end.
    Close(CloseCode),
}

impl Outlet {
    /// A way out to a socket that lets `limit` bytes wait; without one, all of them wait for whoever asks.
    pub(crate) fn new(limit: usize, open: Option<Way>) -> Self {
        Self { waiting: Mutex::default(), wake: Notify::new(), open, limit }
    }

    /// Brings into the processor's cache what [`Outlet::push`] will need.
    pub(crate) fn look_ahead(&self) {
        std::hint::black_box((self.waiting.is_poisoned(), self.limit));
        if let Some(Way::Plain(socket)) = &self.open {
            #[cfg(unix)]
            std::hint::black_box(std::os::fd::AsRawFd::as_raw_fd(socket.as_ref()));
        }
    }

    /// Adds what happened: whole frames. Past the limit, all that waits is given up and the connection told to resync.
    pub(crate) fn push(&self, frames: &Bytes) {
        let mut waiting = self.waiting();
        if waiting.close.is_some() {
            return;
        }
        let idle = waiting.is_idle();
        let taken = if idle { self.write_now(&mut waiting, frames) } else { 0 };
        if taken == frames.len() && !waiting.behind {
            return;
        }
        let rest = frames.slice(taken..);
        if !rest.is_empty() && waiting.bytes + rest.len() + PIECE_OVERHEAD > self.limit {
            waiting.add(rest);
            waiting.give_up(CloseCode::Resync);
            self.wake.notify_one();
        } else {
            self.wait(&mut waiting, idle, rest);
        }
    }

    /// Adds an answer. The limit does not count: who asks next is held back instead.
    pub(crate) fn answer(&self, req: u32, answer: Result<Reply, Refusal>) {
        self.say(&answer_frame(req, answer));
    }

    /// Refuses what could not be read far enough to know its number.
    pub(crate) fn refuse(&self, req: Option<u32>, refusal: Refusal) {
        self.say(&text_frame(&ServerFrame { req, reply: Reply::Error(Failure::from(refusal)) }));
    }

    /// Adds whole frames without counting them against the limit.
    pub(crate) fn say(&self, frames: &Bytes) {
        let mut waiting = self.waiting();
        if waiting.close.is_none() {
            self.put(&mut waiting, frames);
        }
    }

    /// Adds whole frames of the WebSocket protocol itself, even to a connection that is being ended.
    pub(crate) fn control(&self, frames: &Bytes) {
        self.put(&mut self.waiting(), frames);
    }

    fn put(&self, waiting: &mut Waiting, frames: &Bytes) {
        let idle = waiting.is_idle();
        let taken = if idle { self.write_now(waiting, frames) } else { 0 };
        self.wait(waiting, idle, frames.slice(taken..));
    }

    /// Writes what the socket takes at once, and says how much that is.
    fn write_now(&self, waiting: &mut Waiting, frames: &[u8]) -> usize {
        // A socket that is broken is noticed by the one who reads from it.
        let taken = match &self.open {
            None => 0,
            Some(Way::Plain(socket)) => send(socket.as_ref(), frames).unwrap_or(0),
            Some(Way::Sealed(seal)) => match seal.write(frames) {
                Ok(Written { taken, behind }) => {
                    waiting.behind = behind;
                    taken
                }
                Err(_) => 0,
            },
        };
        if taken < frames.len() {
            waiting.begun = rest_of_frame(frames, 0, taken);
        }
        taken
    }

    fn wait(&self, waiting: &mut Waiting, idle: bool, rest: Bytes) {
        let more = waiting.behind || !rest.is_empty();
        if !rest.is_empty() {
            waiting.add(rest);
        }
        if idle && more {
            self.wake.notify_one();
        }
    }

    /// Ends the connection, after what already waits. A second reason does not replace the first.
    pub(crate) fn close(&self, code: CloseCode) {
        self.waiting().close.get_or_insert(code);
        self.wake.notify_one();
    }

    /// Ends the connection at once: of what still waits, only a frame that is begun is written to its end.
    pub(crate) fn cut(&self, code: CloseCode) {
        let mut waiting = self.waiting();
        if !waiting.cut {
            waiting.give_up(code);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Whether the connection may read its next request.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting().bytes < HOLD_BACK
    }

    /// Whether what waited was given up.
    pub(crate) fn is_cut(&self) -> bool {
        self.waiting().cut
    }

    /// Waits for something to do. Cancel-safe.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.look() {
                return next;
            }
            self.wake.notified().await;
        }
    }

    fn look(&self) -> Option<Next> {
        let waiting = self.waiting();
        match waiting.close {
            Some(code) if waiting.cut || waiting.is_idle() => Some(Next::Close(code)),
            _ if waiting.is_idle() => None,
            _ => Some(Next::Write),
        }
    }

    /// Writes what waits to `socket`, this outlet's own. Others may go on adding.
    pub(crate) fn poll_write_out<W: AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        socket: &mut W,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut waiting = self.waiting();
            let Some(piece) = waiting.peek(WRITE_BATCH) else {
                ready!(Pin::new(&mut *socket).poll_flush(cx))?;
                waiting.behind = false;
                return Poll::Ready(Ok(()));
            };
            let taken = ready!(Pin::new(&mut *socket).poll_write(cx, &piece))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            waiting.consume(taken, &piece);
        }
    }

    /// Resolves once [`Outlet::is_cut`]. Cancel-safe; leaves a wake behind for [`Outlet::next`].
    pub(crate) async fn cut_off(&self) {
        while !self.is_cut() {
            self.wake.notified().await;
        }
        self.wake.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nothing panics while it holds the queue")
    }
}

/// Writes what the socket takes at once.
///
/// Past the runtime, which keeps what it knows of each socket elsewhere in memory: with a thousand of them in turn,
/// looking there would cost more than everything else of ours. When the socket takes no more, the connection's task
/// finds that out for the runtime.
#[cfg(target_os = "linux")]
fn send(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::SendFlags;
    Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?)
}

#[cfg(not(target_os = "linux"))]
fn send(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    socket.try_write(bytes)
}

/// The answer to `req` as a frame.
pub(crate) fn answer_frame(req: u32, answer: Result<Reply, Refusal>) -> Bytes {
    let reply = answer.unwrap_or_else(|refusal| Reply::Error(Failure::from(refusal)));
    text_frame(&ServerFrame { req: Some(req), reply })
}

impl Waiting {
    fn is_idle(&self) -> bool {
        self.pieces.is_empty() && !self.behind
    }

    fn give_up(&mut self, code: CloseCode) {
        let begun = self.pieces.pop_front().map(|piece| piece.slice(..self.begun));
        *self =
            Self { begun: self.begun, behind: self.behind, close: Some(code), cut: true, ..Self::default() };
        begun.filter(|piece| !piece.is_empty()).into_iter().for_each(|piece| self.add(piece));
    }

    fn add(&mut self, piece: Bytes) {
        self.bytes += piece.len() + PIECE_OVERHEAD;
        self.pieces.push_back(piece);
    }

    /// What is to be written next: whole pieces, joined to `most` bytes or one that is larger.
    fn peek(&self, most: usize) -> Option<Bytes> {
        let (first, second) = (self.pieces.front()?, self.pieces.get(1));
        if second.is_none_or(|second| first.len() + second.len() > most) {
            return Some(first.clone());
        }
        let mut joined = Vec::with_capacity(most);
        for piece in &self.pieces {
            if joined.len() + piece.len() > most {
                break;
            }
            joined.extend_from_slice(piece);
        }
        Some(joined.into())
    }

    /// `taken` bytes of what was `peeked` have been written.
    fn consume(&mut self, mut taken: usize, peeked: &[u8]) {
        self.begun = rest_of_frame(peeked, self.begun, taken);
        while taken > 0
            && let Some(piece) = self.pieces.front_mut()
        {
            let part = piece.len().min(taken);
            let _ = piece.split_to(part);
            taken -= part;
            self.bytes -= part;
            if piece.is_empty() {
                self.bytes -= PIECE_OVERHEAD;
                self.pieces.pop_front();
            }
        }
        if self.pieces.is_empty() {
            // An idle connection holds no buffer.
            self.pieces = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests;
