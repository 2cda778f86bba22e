//! The vault's one random key, and keys derived from it.
//!
//! Never printed, never serialised, wiped when dropped.

use ring::{digest, hkdf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The 256-bit key that encrypts a vault's file.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct VaultKey([u8; 32]);

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system has no randomness to make a key from; try again once it has started completely")]
pub struct Randomness;

impl VaultKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// If the system has none.
    pub fn random() -> Result<Self, Randomness> {
        let mut key = Self([0; 32]);
        getrandom::fill(&mut key.0).map_err(|_| Randomness)?;
        Ok(key)
    }

    /// A key for `purpose` (HKDF-SHA-256): knowing it tells nothing of this key or of others.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        hkdf_sha256(&self.0, b"hearth vault v1", purpose.as_bytes())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VaultKey(..)")
    }
}

pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Randomness> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|_| Randomness)?;
    Ok(bytes)
}

pub(crate) fn hkdf_sha256(secret: &[u8], salt: &[u8], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    key.expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|derived| derived.fill(&mut *out))
        .expect("32 bytes are within HKDF's limit");
    out
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_keys_are_stable_and_separate() {
        let key = VaultKey([7; 32]);
        assert_eq!(key.derive("files"), key.derive("files"));
        assert_ne!(key.derive("files"), key.derive("tls"));
        assert_ne!(*key.derive("files"), [7; 32]);
        assert_ne!(VaultKey([8; 32]).derive("files"), key.derive("files"));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", VaultKey([7; 32])), "VaultKey(..)");
    }
}
