//! Passwords: slow on purpose, a few at a time and in fair turns, and as slow for names nobody has.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use metrics::Counter;
use protocol::Secret;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::config::Limits;
use crate::error::{Refusal, StartError};
use crate::offload::{Asker, Bounds, Offload};

/// Memory per hash in KiB, passes and lanes (OWASP's second choice, 2024: 19 MiB, 2, 1).
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// What a hash is thought to take before any was made.
const AT_FIRST: Duration = Duration::from_millis(100);

/// Hashes passwords off the async threads.
#[derive(Clone)]
pub(crate) struct Hashing {
    offload: Offload,
    done: Counter,
    /// Of a password nobody has, compared where there is none to compare with.
    nobody: Arc<str>,
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hashing").field("offload", &self.offload).finish_non_exhaustive()
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
        Ok(Self { offload: Offload::new(AT_FIRST), done, nobody: nobody.into() })
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
        let bounds = Bounds {
            at_once: limits.hashes_at_once,
            waiting: limits.hashes_waiting,
            waiting_each: match asker {
                Asker::Here | Asker::Operator => limits.hashes_waiting,
                Asker::Source(_) | Asker::Member(_) => limits.hashes_waiting_per_address,
            },
        };
        let done = self.done.clone();
        let work = move || {
            let made = work();
            done.increment(1);
            made
        };
        self.offload.run(bounds, asker, work).await
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
