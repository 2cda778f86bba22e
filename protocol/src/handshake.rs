//! The first words, readable by every version for ever: who the host is, and its proof.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{HostId, UnixMillis};

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
    /// Where the host is now, if not here: verify the note and go there; nobody is signed in here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub moved: Option<Moved>,
}

/// Where a host has gone, signed by its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Moved {
    /// Where to try, `name:port` or `ip:port`, best first.
    pub addresses: Vec<String>,
    /// When it was said.
    pub at: UnixMillis,
    /// ECDSA P-256 with SHA-256 over [`moved_message`], as r‖s (64 bytes), base64url without padding.
    pub signature: String,
}

/// What the host signs when it says that it has moved: a fixed context, a zero byte, the time in decimal, and each
/// address after a line feed.
#[must_use]
pub fn moved_message(addresses: &[String], at: UnixMillis) -> Vec<u8> {
    let mut message = b"hearth.v1 host moved\0".to_vec();
    message.extend(at.0.to_string().bytes());
    for address in addresses {
        message.push(b'\n');
        message.extend(address.bytes());
    }
    message
}

/// What the host signs to prove its key: a fixed context, a zero byte, the client's nonce.
#[must_use]
pub fn proof_message(nonce: &[u8]) -> Vec<u8> {
    [b"hearth.v1 host proof\0".as_slice(), nonce].concat()
}
