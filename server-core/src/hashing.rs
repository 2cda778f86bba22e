//! Passwords: slow on purpose, a few at a time, and as slow for names nobody has.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use protocol::Secret;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::error::{Refusal, StartError};
use crate::store::stopping;

/// Memory per hash in KiB, passes and lanes (OWASP's second choice, 2024: 19 MiB, 2, 1).
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Hashes at once: more would only make each slower, and each takes 19 MiB.
const PERMITS: usize = 2;

/// Hashes passwords off the async threads.
#[derive(Debug, Clone)]
pub(crate) struct Hashing {
    permits: Arc<Semaphore>,
    /// Of a password nobody has, compared where there is none to compare with.
    nobody: Arc<str>,
}

impl Hashing {
    pub(crate) fn new() -> Result<Self, StartError> {
        let mut password = [0u8; 32];
        getrandom::fill(&mut password).map_err(|_| StartError::Randomness)?;
        // Its cost is that of a real one by the parameters in it; the text itself is never matched.
        let nobody = hash_now(&password).ok_or(StartError::Randomness)?;
        Ok(Self { permits: Arc::new(Semaphore::new(PERMITS)), nobody: nobody.into() })
    }

    /// The hash to store for `password`.
    ///
    /// # Errors
    /// Only if the system gives no randomness or the host is stopping.
    pub(crate) async fn hash(&self, password: &Secret) -> Result<String, Refusal> {
        let password = Zeroizing::new(password.0.clone().into_bytes());
        self.run(move || hash_now(&password)).await?.ok_or_else(Refusal::internal)
    }

    /// Whether `password` is the one `stored` was made of. Takes as long without one, and says no.
    ///
    /// # Errors
    /// Only if the host is stopping.
    pub(crate) async fn verify(&self, password: &Secret, stored: Option<String>) -> Result<bool, Refusal> {
        let password = Zeroizing::new(password.0.clone().into_bytes());
        let nobody = Arc::clone(&self.nobody);
        self.run(move || {
            let known = stored.is_some();
            let hash = stored.as_deref().unwrap_or(&nobody);
            let fits = PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(&password, &hash).is_ok());
            known && fits
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| stopping())?;
        let done = tokio::task::spawn_blocking(move || {
            let made = work();
            drop(permit);
            made
        });
        done.await.map_err(|_| stopping())
    }
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
        let hashing = Hashing::new().unwrap();
        let stored = hashing.hash(&"correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(hashing.verify(&"correct horse".into(), Some(stored.clone())).await.unwrap());
        assert!(!hashing.verify(&"wrong horse".into(), Some(stored)).await.unwrap());
        assert!(!hashing.verify(&"wrong horse".into(), None).await.unwrap());
        assert!(!hashing.verify(&"wrong horse".into(), Some("damaged".into())).await.unwrap());
    }
}
