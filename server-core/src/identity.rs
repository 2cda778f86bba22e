//! What a host is: its key, the id that follows from it, and the proof that it has the key.
//!
//! The private key never leaves the vault except into memory; nothing here prints it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{HostId, proof_message};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use zeroize::Zeroizing;

use crate::error::StartError;

/// What stands before the 65 bytes of an uncompressed P-256 point in its SPKI (RFC 5480, 2).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A host's key, ready to use.
pub(crate) struct Identity {
    pkcs8: Zeroizing<Vec<u8>>,
    key: EcdsaKeyPair,
    random: SystemRandom,
    spki: Vec<u8>,
    id: HostId,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.id.prefix())
    }
}

impl Identity {
    /// A new private key, as PKCS#8.
    pub(crate) fn generate() -> Result<Zeroizing<Vec<u8>>, StartError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| StartError::Randomness)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// Reads a private key.
    pub(crate) fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, StartError> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random)
            .map_err(|_| StartError::Key("it is not a P-256 key"))?;
        let spki = [SPKI_PREFIX.as_slice(), key.public_key().as_ref()].concat();
        let id = HostId::from_digest(sha256(&spki));
        Ok(Self { pkcs8, key, random, spki, id })
    }

    pub(crate) fn id(&self) -> &HostId {
        &self.id
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public key as it goes over the wire.
    pub(crate) fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.spki)
    }

    /// Proves possession of the key over the client's nonce; `None` only if the system gives no randomness.
    pub(crate) fn prove(&self, nonce: &[u8]) -> Option<String> {
        self.sign(&proof_message(nonce))
    }

    /// Signs a message that begins with a context of ours; `None` only if the system gives no randomness.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<String> {
        let signature = self.key.sign(&self.random, message).ok()?;
        Some(URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// SHA-256, for ids and for what is stored of tokens.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn the_proof_verifies_against_the_key_the_id_is_made_of() {
        let identity = Identity::from_pkcs8(Identity::generate().unwrap()).unwrap();
        let spki = URL_SAFE_NO_PAD.decode(identity.public_key()).unwrap();
        assert_eq!(HostId::from_digest(sha256(&spki)), *identity.id());
        let proof = URL_SAFE_NO_PAD.decode(identity.prove(&[1; 32]).unwrap()).unwrap();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &spki[26..]);
        assert!(key.verify(&proof_message(&[1; 32]), &proof).is_ok());
        assert!(key.verify(&proof_message(&[2; 32]), &proof).is_err());
    }

    #[test]
    fn the_same_key_is_the_same_host() {
        let pkcs8 = Identity::generate().unwrap();
        let once = Identity::from_pkcs8(pkcs8.clone()).unwrap();
        assert_eq!(once.id(), Identity::from_pkcs8(pkcs8).unwrap().id());
    }
}
