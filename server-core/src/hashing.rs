//! Passwords: slow on purpose, a few at a time and in fair turns, and as slow for names nobody has.

mod turns;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use metrics::Counter;
use protocol::{MemberId, Secret};
use tokio::sync::oneshot;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::budget::Source;
use crate::config::Limits;
use crate::error::{Refusal, StartError};
use crate::store::stopping;
use turns::{Asked, Bounds, Turns};

/// Memory per hash in KiB, passes and lanes (OWASP's second choice, 2024: 19 MiB, 2, 1).
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// What a hash is thought to take before any was made.
const AT_FIRST: Duration = Duration::from_millis(100);

/// On whose behalf something is hashed: each has a line of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    /// Somebody who is not signed in.
    Source(Source),
    /// Somebody on this computer, who may fill the whole line.
    Here,
    Member(MemberId),
    Operator,
}

/// Hashes passwords off the async threads.
#[derive(Clone)]
pub(crate) struct Hashing {
    turns: Arc<Mutex<State>>,
    done: Counter,
    /// Of a password nobody has, compared where there is none to compare with.
    nobody: Arc<str>,
}

#[derive(Debug)]
struct State {
    turns: Turns<Asker, oneshot::Sender<Permit>>,
    /// What a hash took of late.
    takes: Duration,
}

/// The right to hash, passed on to the next when it is dropped.
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

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nothing panics while it holds the turns")
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hashing").field("turns", &self.turns).finish_non_exhaustive()
    }
}

impl Hashing {
    /// `done` counts what was hashed or compared.
    pub(crate) fn new(done: Counter) -> Result<Self, StartError> {
        let (mut salt, mut digest) = ([0u8; 16], [0u8; 32]);
        getrandom::fill(&mut salt)
            .and_then(|()| getrandom::fill(&mut digest))
            .map_err(|_| StartError::Randomness)?;
        let ((memory, passes, lanes), base64) = (COST, STANDARD_NO_PAD);
        // Its cost is that of a real one by the parameters in it. Nobody knows a password for a digest that was
        // drawn, and drawing one does not hold up the start.
        let nobody = format!(
            "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}",
            base64.encode(salt),
            base64.encode(digest)
        );
        Ok(Self {
            turns: Arc::new(Mutex::new(State { turns: Turns::default(), takes: AT_FIRST })),
            done,
            nobody: nobody.into(),
        })
    }

    /// The hash to store for `password`, made for `asker` in turn.
    ///
    /// # Errors
    /// If too many wait already, the system gives no randomness or the host is stopping.
    pub(crate) async fn hash(
        &self,
        limits: &Limits,
        asker: Asker,
        password: &Secret,
    ) -> Result<String, Refusal> {
        let password = as_typed(password);
        self.run(limits, asker, move || hash_now(&password)).await?.ok_or_else(Refusal::internal)
    }

    /// Whether `password` is the one `stored` was made of. Takes as long without one, and says no.
    ///
    /// # Errors
    /// If too many wait already or the host is stopping.
    pub(crate) async fn verify(
        &self,
        limits: &Limits,
        asker: Asker,
        password: &Secret,
        stored: Option<String>,
    ) -> Result<bool, Refusal> {
        let password = as_typed(password);
        let nobody = Arc::clone(&self.nobody);
        self.run(limits, asker, move || {
            let known = stored.is_some();
            let hash = stored.as_deref().unwrap_or(&nobody);
            let fits = PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(&password, &hash).is_ok());
            known && fits
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        limits: &Limits,
        asker: Asker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let permit = self.turn(limits, asker).await?;
        let counter = self.done.clone();
        let done = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let made = work();
            counter.increment(1);
            if let Some(state) = &permit.0 {
                let mut state = lock(state);
                state.takes = (state.takes * 7 + began.elapsed()) / 8;
            }
            drop(permit);
            made
        });
        done.await.map_err(|_| stopping())
    }

    async fn turn(&self, limits: &Limits, asker: Asker) -> Result<Permit, Refusal> {
        let bounds = Bounds {
            at_once: limits.hashes_at_once,
            waiting: limits.hashes_waiting,
            waiting_each: match asker {
                Asker::Here | Asker::Operator => limits.hashes_waiting,
                Asker::Source(_) | Asker::Member(_) => limits.hashes_waiting_per_address,
            },
        };
        let mut coming = None;
        let asked = {
            let mut state = lock(&self.turns);
            let takes = state.takes;
            let asked = state.turns.ask(asker, bounds, || {
                let (waiter, turn) = oneshot::channel();
                coming = Some(turn);
                waiter
            });
            (asked, takes)
        };
        match (asked, coming) {
            ((Asked::Go, _), _) => Ok(Permit(Some(Arc::clone(&self.turns)))),
            ((Asked::Wait, _), Some(turn)) => turn.await.map_err(|_| stopping()),
            ((Asked::Full(waiting), takes), _) => {
                let rounds = u32::try_from(waiting / bounds.at_once.max(1) + 1).unwrap_or(u32::MAX);
                Err(Refusal::wait(takes.saturating_mul(rounds)))
            }
            ((Asked::Wait, _), None) => Err(Refusal::internal()),
        }
    }
}

/// What is hashed of a password: one keyboard writes é in one character, another in two (NIST SP 800-63B, 5.1.1.2).
fn as_typed(password: &Secret) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(password.0.nfkc().collect::<String>().into_bytes())
}

fn hash_now(password: &[u8]) -> Option<String> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).ok()?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password(password).ok().map(|hash| hash.to_string())
}

#[cfg(test)]
mod tests {
    use protocol::ErrorCode;

    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let (hashing, limits) = (Hashing::new(Counter::noop()).unwrap(), Limits::default());
        let stored = hashing.hash(&limits, Asker::Here, &"correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let fits = async |password: &str, stored: Option<String>| {
            hashing.verify(&limits, Asker::Here, &password.into(), stored).await.unwrap()
        };
        assert!(fits("correct horse", Some(stored.clone())).await);
        assert!(!fits("wrong horse", Some(stored)).await);
        assert!(!fits("wrong horse", None).await);
        let stored = hashing.hash(&limits, Asker::Here, &"pâte à choux".into()).await.unwrap();
        assert!(fits("pa\u{302}te a\u{300} choux", Some(stored)).await, "as another keyboard types it");
        assert!(!fits("wrong horse", Some("damaged".into())).await);
    }

    #[tokio::test]
    async fn a_full_line_is_told_when_to_come_and_those_who_leave_it_hold_nobody_up() {
        let hashing = Hashing::new(Counter::noop()).unwrap();
        let limits = Limits {
            hashes_at_once: 1,
            hashes_waiting: 8,
            hashes_waiting_per_address: 2,
            ..Limits::default()
        };
        let asker = |number| Asker::Member(MemberId(uuid::Uuid::from_u128(number)));
        let held = hashing.turn(&limits, asker(1)).await.unwrap();
        let mut waiting = [1, 1, 2].map(|number| Box::pin(hashing.turn(&limits, asker(number))));
        for turn in &mut waiting {
            assert!(futures_util::poll!(turn).is_pending());
        }
        let refused = hashing.turn(&limits, asker(1)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert!(refused.retry_after_ms.is_some_and(|wait| wait > 0));
        let [gone, also_gone, last] = waiting;
        drop((gone, also_gone));
        drop(held);
        drop(last.await.unwrap());
        drop(hashing.turn(&limits, asker(1)).await.unwrap());
    }

    #[test]
    fn what_nobody_has_costs_what_a_real_one_costs() {
        let stored = hash_now(b"correct horse").unwrap();
        let (real, nobody) =
            (PasswordHash::new(&stored).unwrap(), Hashing::new(Counter::noop()).unwrap().nobody);
        let nobody = PasswordHash::new(&nobody).unwrap();
        assert_eq!(
            (nobody.algorithm, nobody.version, &nobody.params),
            (real.algorithm, real.version, &real.params)
        );
        let length =
            |hash: &PasswordHash| (hash.salt.as_ref().unwrap().len(), hash.hash.as_ref().unwrap().len());
        assert_eq!(length(&nobody), length(&real));
    }
}
