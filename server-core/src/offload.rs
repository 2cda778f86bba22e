//! Work that takes long: off the async threads and the one that commits, a few pieces at a time and in fair turns.
//!
//! Knows nothing of what is done. How many at once, and how many may wait, is said with each piece, so that a reload
//! counts from the next one on.

mod turns;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use protocol::MemberId;
use tokio::sync::oneshot;

use crate::budget::Source;
use crate::error::Refusal;
use crate::store::stopping;
pub(crate) use turns::Bounds;
use turns::{Asked, Turns};

/// On whose behalf something is done: each has a line of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    /// Somebody who is not signed in.
    Source(Source),
    /// Somebody on this computer, who may fill the whole line.
    Here,
    Member(MemberId),
    Operator,
}

/// One kind of work, and who waits for it.
#[derive(Debug, Clone)]
pub(crate) struct Offload(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    turns: Turns<Asker, oneshot::Sender<Permit>>,
    /// What a piece took of late.
    takes: Duration,
}

/// The right to work, passed on to the next when it is dropped.
#[derive(Debug)]
struct Permit(Option<Arc<Mutex<State>>>);

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(state) = self.0.take() else { return };
        // Whoever waited may have gone; then it is the next one's turn.
        loop {
            let next = lock(&state).turns.finish();
            let Some(next) = next else { return };
            match next.send(Permit(Some(Arc::clone(&state)))) {
                Ok(()) => return,
                // What comes back must not pass itself on: this loop does.
                Err(mut unwanted) => drop(unwanted.0.take()),
            }
        }
    }
}

impl Offload {
    /// Nobody waits yet; `takes` is what a piece is thought to take before any was done.
    pub(crate) fn new(takes: Duration) -> Self {
        Self(Arc::new(Mutex::new(State { turns: Turns::default(), takes })))
    }

    /// Does `work` for `asker` in turn.
    ///
    /// # Errors
    /// If too many wait already, it panics, or the host is stopping.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        bounds: Bounds,
        asker: Asker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let permit = self.turn(bounds, asker).await?;
        let done = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let made = work();
            if let Some(state) = &permit.0 {
                let mut state = lock(state);
                state.takes = (state.takes * 7 + began.elapsed()) / 8;
            }
            drop(permit);
            made
        });
        done.await.map_err(|error| if error.is_panic() { Refusal::internal() } else { stopping() })
    }

    async fn turn(&self, bounds: Bounds, asker: Asker) -> Result<Permit, Refusal> {
        let mut coming = None;
        let asked = {
            let mut state = lock(&self.0);
            let takes = state.takes;
            let asked = state.turns.ask(asker, bounds, || {
                let (waiter, turn) = oneshot::channel();
                coming = Some(turn);
                waiter
            });
            (asked, takes)
        };
        match (asked, coming) {
            ((Asked::Go, _), _) => Ok(Permit(Some(Arc::clone(&self.0)))),
            ((Asked::Wait, _), Some(turn)) => turn.await.map_err(|_| stopping()),
            ((Asked::Full(waiting), takes), _) => {
                let rounds = u32::try_from(waiting / bounds.at_once.max(1) + 1).unwrap_or(u32::MAX);
                Err(Refusal::wait(takes.saturating_mul(rounds)))
            }
            ((Asked::Wait, _), None) => Err(Refusal::internal()),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nothing panics while it holds the turns")
}

#[cfg(test)]
mod tests {
    use protocol::ErrorCode;

    use super::*;

    const BOUNDS: Bounds = Bounds { at_once: 1, waiting: 8, waiting_each: 2 };

    fn asker(number: u128) -> Asker {
        Asker::Member(MemberId(uuid::Uuid::from_u128(number)))
    }

    #[tokio::test]
    async fn a_full_line_is_told_when_to_come_and_those_who_leave_it_hold_nobody_up() {
        let offload = Offload::new(Duration::from_millis(100));
        let held = offload.turn(BOUNDS, asker(1)).await.unwrap();
        let mut waiting = [1, 1, 2].map(|number| Box::pin(offload.turn(BOUNDS, asker(number))));
        for turn in &mut waiting {
            assert!(futures_util::poll!(turn).is_pending());
        }
        let refused = offload.turn(BOUNDS, asker(1)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert!(refused.retry_after_ms.is_some_and(|wait| wait > 0));
        let [gone, also_gone, last] = waiting;
        drop((gone, also_gone));
        drop(held);
        drop(last.await.unwrap());
        drop(offload.turn(BOUNDS, asker(1)).await.unwrap());
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_place_back() {
        let offload = Offload::new(Duration::from_millis(100));
        let refused: Result<(), _> = offload.run(BOUNDS, asker(1), || panic!("as a decoder may")).await;
        assert_eq!(refused.unwrap_err().code, ErrorCode::Internal);
        assert_eq!(offload.run(BOUNDS, asker(1), || 7).await, Ok(7));
    }
}
