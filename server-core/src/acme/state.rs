//! How it stands with the certificate: what is held, what went wrong, when the next attempt is.

use std::sync::Mutex;
use std::time::Duration;

use protocol::UnixMillis;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::schedule::pause;

/// How it stands, as the operator sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// For which names; empty if no authority is asked.
    pub(crate) names: Vec<String>,
    /// When the certificate in use ends; none while there is none.
    pub(crate) ends: Option<UnixMillis>,
    /// Attempts in a row that came to nothing.
    pub(crate) failures: u32,
    /// Why the last one did.
    pub(crate) problem: Option<String>,
    /// When the next attempt is made.
    pub(crate) next: UnixMillis,
}

/// Remembers how it stands, and wakes the one who asks the authority.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    state: Mutex<State>,
    wake: Notify,
}

impl Keeper {
    /// How it stands now.
    pub(crate) fn state(&self) -> State {
        self.with(|state| state.clone())
    }

    /// Something changed: look again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Asks the authority now, whatever was planned. Says whether there is an authority to ask.
    pub(crate) fn renew(&self) -> bool {
        let any = self.with(|state| {
            state.next = UnixMillis(0);
            !state.names.is_empty()
        });
        self.wake();
        any
    }

    pub(super) fn is_due(&self, now: UnixMillis) -> bool {
        self.next() <= now
    }

    pub(super) fn next(&self) -> UnixMillis {
        self.with(|state| state.next)
    }

    /// Waits to be woken, at most for `patience`.
    pub(super) async fn woken(&self, patience: Duration) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = sleep(patience) => {}
        }
    }

    pub(super) fn off(&self) {
        self.with(|state| *state = State::default());
    }

    pub(super) fn holds(&self, names: Vec<String>, ends: Option<UnixMillis>, next: UnixMillis) {
        self.with(|state| *state = State { names, ends, next, failures: 0, problem: None });
    }

    /// Notes a failure, and says when the next attempt is.
    pub(super) fn failed(&self, problem: &str, now: UnixMillis) -> UnixMillis {
        let mut share = [0];
        // Without randomness the pause is only not spread.
        let _ = getrandom::fill(&mut share);
        self.with(|state| {
            state.failures = state.failures.saturating_add(1);
            state.problem = Some(problem.to_owned());
            state.next = UnixMillis(now.0 + pause(state.failures, share[0]));
            state.next
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().expect("nothing panics while it holds the state"))
    }
}
