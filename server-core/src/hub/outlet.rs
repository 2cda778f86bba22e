//! What waits to be written to one connection: bounded in bytes, never blocking those who add to it.
//!
//! A full outlet does not slow the room down and drops nothing silently: it ends its one connection, whose next
//! sync brings what is missing.

use std::collections::VecDeque;
use std::sync::Mutex;

use protocol::{CloseCode, Failure, Reply, ServerFrame, encode};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::error::Refusal;

/// Counted per waiting frame besides its text: its place in the queue and its share of the text's header.
const FRAME_OVERHEAD: usize = 64;

/// Answers waiting beyond this hold the connection's next request back.
const ANSWERS_WAITING: usize = 64 * 1024;

/// One connection's way out.
#[derive(Debug)]
pub(crate) struct Outlet {
    waiting: Mutex<Waiting>,
    wake: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Utf8Bytes>,
    bytes: usize,
    close: Option<CloseCode>,
    /// Even what is being written is given up.
    cut: bool,
}

/// What a connection finds when it looks.
#[derive(Debug)]
pub(crate) enum Next {
    /// Write these, in this order.
    Write(Vec<Utf8Bytes>),
    /// Say this and end.
    Close(CloseCode),
}

impl Outlet {
    /// A way out that lets `limit` bytes wait.
    pub(crate) fn new(limit: usize) -> Self {
        Self { waiting: Mutex::default(), wake: Notify::new(), limit }
    }

    /// Adds what happened. Past the limit, all that waits is given up and the connection told to resync.
    pub(crate) fn push(&self, frame: Utf8Bytes) {
        let mut waiting = self.waiting();
        if waiting.close.is_some() {
            return;
        }
        if waiting.bytes + frame.len() + FRAME_OVERHEAD > self.limit {
            *waiting = Waiting::cut(CloseCode::Resync);
        } else {
            waiting.add(frame);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Adds an answer. The limit does not count: who asks next is held back instead.
    pub(crate) fn answer(&self, req: u32, answer: Result<Reply, Refusal>) {
        self.say(Some(req), answer.unwrap_or_else(|refusal| Reply::Error(Failure::from(refusal))));
    }

    /// Refuses what could not be read far enough to know its number.
    pub(crate) fn refuse(&self, req: Option<u32>, refusal: Refusal) {
        self.say(req, Reply::Error(Failure::from(refusal)));
    }

    fn say(&self, req: Option<u32>, reply: Reply) {
        let frame = Utf8Bytes::from(encode(&ServerFrame { req, reply }));
        let mut waiting = self.waiting();
        if waiting.close.is_none() {
            waiting.add(frame);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Ends the connection, after what already waits. A second reason does not replace the first.
    pub(crate) fn close(&self, code: CloseCode) {
        self.waiting().close.get_or_insert(code);
        self.wake.notify_one();
    }

    /// Ends the connection at once: nothing that still waits is written.
    pub(crate) fn cut(&self, code: CloseCode) {
        *self.waiting() = Waiting::cut(code);
        self.wake.notify_one();
    }

    /// Whether the connection may read its next request.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting().bytes < ANSWERS_WAITING
    }

    /// Whether the connection is to end without writing what it has begun.
    pub(crate) fn is_cut(&self) -> bool {
        self.waiting().cut
    }

    /// Waits for something to do, up to about `most` bytes of it. Cancel-safe.
    pub(crate) async fn next(&self, most: usize) -> Next {
        loop {
            if let Some(next) = self.take(most) {
                return next;
            }
            self.wake.notified().await;
        }
    }

    fn take(&self, most: usize) -> Option<Next> {
        let mut waiting = self.waiting();
        if waiting.frames.is_empty() {
            return waiting.close.map(Next::Close);
        }
        let (mut frames, mut taken) = (Vec::new(), 0);
        while taken < most
            && let Some(frame) = waiting.frames.pop_front()
        {
            taken += frame.len();
            waiting.bytes -= frame.len() + FRAME_OVERHEAD;
            frames.push(frame);
        }
        if waiting.frames.is_empty() {
            // An idle connection holds no buffer.
            waiting.frames.shrink_to(0);
        }
        Some(Next::Write(frames))
    }

    /// Resolves once [`Outlet::is_cut`]. Cancel-safe; leaves a wake behind for [`Outlet::next`].
    pub(crate) async fn cut_off(&self) {
        while !self.is_cut() {
            self.wake.notified().await;
        }
        self.wake.notify_one();
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nothing panics while it holds the queue")
    }
}

impl Waiting {
    fn cut(code: CloseCode) -> Self {
        Self { close: Some(code), cut: true, ..Self::default() }
    }

    fn add(&mut self, frame: Utf8Bytes) {
        self.bytes += frame.len() + FRAME_OVERHEAD;
        self.frames.push_back(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Utf8Bytes {
        Utf8Bytes::from(text.to_owned())
    }

    #[tokio::test]
    async fn what_waits_comes_out_in_order_and_in_one_piece() {
        let outlet = Outlet::new(1024);
        outlet.push(frame("one"));
        outlet.push(frame("two"));
        let Next::Write(frames) = outlet.next(usize::MAX).await else { panic!("nothing to write") };
        assert_eq!(frames, [frame("one"), frame("two")]);
    }

    #[tokio::test]
    async fn a_full_outlet_gives_up_what_waits_and_asks_to_resync() {
        let outlet = Outlet::new(200);
        for _ in 0..3 {
            outlet.push(frame(&"x".repeat(60)));
        }
        assert!(outlet.is_cut());
        assert!(matches!(outlet.next(usize::MAX).await, Next::Close(CloseCode::Resync)));
    }

    #[tokio::test]
    async fn closing_lets_the_last_words_out_and_cutting_does_not() {
        let outlet = Outlet::new(1024);
        outlet.push(frame("last"));
        outlet.close(CloseCode::ComeBack);
        outlet.push(frame("too late"));
        assert!(!outlet.is_cut());
        assert!(matches!(outlet.next(usize::MAX).await, Next::Write(frames) if frames == [frame("last")]));
        assert!(matches!(outlet.next(usize::MAX).await, Next::Close(CloseCode::ComeBack)));

        let outlet = Outlet::new(1024);
        outlet.push(frame("never"));
        outlet.cut(CloseCode::SessionEnded);
        assert!(matches!(outlet.next(usize::MAX).await, Next::Close(CloseCode::SessionEnded)));
    }
}
