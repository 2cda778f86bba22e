//! The first words, readable by every version for ever: who the host is, and its proof.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::HostId;

/// The program that speaks, for the list of devices and for support. Never used to decide anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ClientName {
    /// For example `hearth-desktop`.
    pub name: String,
    /// Its version, for example `0.1.0`.
    pub version: String,
}

/// What a host says of itself to anyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HostCard {
    /// SHA-256 of the public key.
    pub id: HostId,
    /// Its name; may change, proves nothing.
    pub name: String,
    /// The software version.
    pub version: String,
}

/// Whether this peer may make itself an account without an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// From where this peer connects, anyone may register.
    Open,
    /// An invite is needed.
    Invite,
}

/// The host's answer to the hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Welcome {
    /// Who answers.
    pub host: HostCard,
    /// The host's public key, SPKI in DER, base64url without padding. Its SHA-256 is `host.id`.
    pub public_key: String,
    /// ECDSA P-256 with SHA-256 over [`proof_message`], as r‖s (64 bytes), base64url without padding.
    pub proof: String,
    /// Whether this peer may register.
    pub registration: Registration,
    /// How often each side must show that it lives, in milliseconds.
    pub heartbeat_ms: u32,
}

/// What the host signs to prove its key: a fixed context, a zero byte, the client's nonce.
#[must_use]
pub fn proof_message(nonce: &[u8]) -> Vec<u8> {
    [b"hearth.v1 host proof\0".as_slice(), nonce].concat()
}
