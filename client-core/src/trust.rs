//! Who a host is: the comparison of keys, and the check of the proof in its welcome.
//!
//! A host is its key (SHA-256 of the SPKI). Refuses to trust names, addresses and certificates by themselves; nothing
//! here ever says yes to a key other than the pinned one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{HostId, Welcome, moved_message, proof_message};
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use thiserror::Error;

/// What precedes the point in every P-256 public key as SPKI in DER (RFC 5480, 2.1.1 and 2.2).
const P256_SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Whom we expect to meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// The pinned host, or the one of an invite.
    Exactly(HostId),
    /// Whoever it is: first contact by address, where a person compares the words afterwards.
    Anyone,
}

/// What vouches for the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Voucher {
    /// The certificate's own key, by its host id.
    Key(HostId),
    /// The web's certificate authorities, for a public name.
    Authorities,
}

/// Why a welcome is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Disbelief {
    #[error("the welcome comes from another key")]
    OtherKey { expected: HostId, found: HostId },
    #[error("the welcome's proof is wrong")]
    NotProven,
}

/// The host id of a public key (SPKI in DER).
pub(crate) fn id_of(spki: &[u8]) -> HostId {
    let mut bytes = [0u8; 32];
    bytes.copy_from_slice(digest(&SHA256, spki).as_ref());
    HostId::from_digest(bytes)
}

/// Checks that `welcome` proves the key it names over our `nonce`, that this key is the expected one, and that the
/// channel is that key's own or vouched for by the authorities: else somebody could pass on the proof of another.
pub(crate) fn believe(
    expectation: &Expectation,
    voucher: &Voucher,
    nonce: &[u8],
    welcome: &Welcome,
) -> Result<(), Disbelief> {
    let spki = URL_SAFE_NO_PAD.decode(&welcome.public_key).map_err(|_| Disbelief::NotProven)?;
    let proof = URL_SAFE_NO_PAD.decode(&welcome.proof).map_err(|_| Disbelief::NotProven)?;
    let found = id_of(&spki);
    let point = spki.strip_prefix(P256_SPKI_PREFIX.as_slice()).ok_or(Disbelief::NotProven)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(&proof_message(nonce), &proof)
        .map_err(|_| Disbelief::NotProven)?;
    if found != welcome.host.id {
        return Err(Disbelief::NotProven);
    }
    if let Expectation::Exactly(expected) = expectation
        && *expected != found
    {
        return Err(Disbelief::OtherKey { expected: expected.clone(), found });
    }
    match voucher {
        Voucher::Key(key) if *key != found => Err(Disbelief::NotProven),
        _ => Ok(()),
    }
}

/// Where a believed welcome says the host is now, if it says so in the host's own hand.
pub(crate) fn moved_to(welcome: &Welcome) -> Option<&[String]> {
    let moved = welcome.moved.as_ref()?;
    let spki = URL_SAFE_NO_PAD.decode(&welcome.public_key).ok()?;
    let signature = URL_SAFE_NO_PAD.decode(&moved.signature).ok()?;
    let point = spki.strip_prefix(P256_SPKI_PREFIX.as_slice())?;
    let message = moved_message(&moved.addresses, moved.at);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(&message, &signature).ok()?;
    Some(&moved.addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{HostCard, Registration};
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    struct Host {
        keys: EcdsaKeyPair,
        spki: Vec<u8>,
    }

    impl Host {
        fn new() -> Self {
            let random = SystemRandom::new();
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let keys = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
                .unwrap();
            let spki = [P256_SPKI_PREFIX.as_slice(), keys.public_key().as_ref()].concat();
            Self { keys, spki }
        }

        fn id(&self) -> HostId {
            id_of(&self.spki)
        }

        fn welcome(&self, nonce: &[u8]) -> Welcome {
            let proof = self.keys.sign(&SystemRandom::new(), &proof_message(nonce)).unwrap();
            Welcome {
                host: HostCard { id: self.id(), name: "studio".into(), version: "0".into() },
                public_key: URL_SAFE_NO_PAD.encode(&self.spki),
                proof: URL_SAFE_NO_PAD.encode(proof),
                registration: Registration::Invite,
                heartbeat_ms: 40_000,
                moved: None,
            }
        }
    }

    #[test]
    fn a_host_that_signs_our_nonce_is_believed() {
        let host = Host::new();
        let voucher = Voucher::Key(host.id());
        let welcome = host.welcome(b"nonce");
        assert_eq!(believe(&Expectation::Exactly(host.id()), &voucher, b"nonce", &welcome), Ok(()));
        assert_eq!(believe(&Expectation::Anyone, &voucher, b"nonce", &welcome), Ok(()));
    }

    #[test]
    fn a_replayed_welcome_is_not_believed() {
        let host = Host::new();
        let welcome = host.welcome(b"an older nonce");
        let voucher = Voucher::Key(host.id());
        assert_eq!(believe(&Expectation::Anyone, &voucher, b"nonce", &welcome), Err(Disbelief::NotProven));
    }

    #[test]
    fn a_proof_passed_on_over_a_channel_of_another_key_is_not_believed() {
        let (host, between) = (Host::new(), Host::new());
        let welcome = host.welcome(b"nonce");
        let voucher = Voucher::Key(between.id());
        assert_eq!(
            believe(&Expectation::Exactly(host.id()), &voucher, b"nonce", &welcome),
            Err(Disbelief::NotProven)
        );
        assert_eq!(believe(&Expectation::Anyone, &Voucher::Authorities, b"nonce", &welcome), Ok(()));
    }

    #[test]
    fn another_key_is_said_to_be_another_key() {
        let (pinned, other) = (Host::new(), Host::new());
        let welcome = other.welcome(b"nonce");
        let refused = believe(&Expectation::Exactly(pinned.id()), &Voucher::Authorities, b"nonce", &welcome);
        assert_eq!(refused, Err(Disbelief::OtherKey { expected: pinned.id(), found: other.id() }));
    }

    #[test]
    fn a_claimed_id_that_is_not_the_keys_own_is_not_believed() {
        let host = Host::new();
        let mut welcome = host.welcome(b"nonce");
        welcome.host.id = HostId::from_digest([7; 32]);
        assert_eq!(
            believe(&Expectation::Anyone, &Voucher::Authorities, b"nonce", &welcome),
            Err(Disbelief::NotProven)
        );
    }

    #[test]
    fn a_note_in_another_hand_moves_nobody() {
        let (host, other) = (Host::new(), Host::new());
        let sign = |by: &Host, addresses: &[String]| {
            let message = moved_message(addresses, protocol::UnixMillis(1));
            let signature = by.keys.sign(&SystemRandom::new(), &message).unwrap();
            let addresses = vec!["chat.example.org:443".to_owned()];
            let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
            let mut welcome = host.welcome(b"nonce");
            welcome.moved = Some(protocol::Moved { addresses, at: protocol::UnixMillis(1), signature });
            moved_to(&welcome).map(<[String]>::to_vec)
        };
        let there = ["chat.example.org:443".to_owned()];
        assert_eq!(sign(&host, &there), Some(there.to_vec()));
        assert_eq!(sign(&other, &there), None);
        assert_eq!(sign(&host, &["evil.example:443".to_owned()]), None);
        assert_eq!(moved_to(&host.welcome(b"nonce")), None);
    }
}
