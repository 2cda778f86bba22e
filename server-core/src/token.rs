//! Secrets the host gives out: session tokens and invites. 256 random bits; only their hash is stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::Secret;

use crate::error::Refusal;
use crate::identity::sha256;

/// A new secret, and the hash to store of it.
///
/// # Errors
/// Only if the system gives no randomness.
pub(crate) fn fresh() -> Result<(Secret, [u8; 32]), Refusal> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::internal())?;
    let secret = Secret(URL_SAFE_NO_PAD.encode(bytes));
    let hash = hash(&secret);
    Ok((secret, hash))
}

/// A secret that the other side has chosen, and the hash to store of it, if it is as long as ours.
pub(crate) fn chosen(secret: Secret) -> Option<(Secret, [u8; 32])> {
    let bytes = URL_SAFE_NO_PAD.decode(&secret.0).ok()?;
    let hash = hash(&secret);
    (bytes.len() == 32).then_some((secret, hash))
}

/// What is stored of a secret.
pub(crate) fn hash(secret: &Secret) -> [u8; 32] {
    sha256(secret.0.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tokens_are_alike_and_all_fit_a_link() {
        let (one, hash_of_one) = fresh().unwrap();
        let (other, _) = fresh().unwrap();
        assert_ne!(one, other);
        assert_eq!(one.0.len(), 43);
        assert_eq!(hash(&one), hash_of_one);
    }
}
