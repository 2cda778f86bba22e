//! Identifiers, each its own type so that one can never stand in for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
        #[serde(transparent)]
        #[ts(type = "string")]
        pub struct $name(pub Uuid);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// An account on a host (UUIDv7, RFC 9562), given by the host.
    MemberId
);
uuid_id!(
    /// A room of a host, given by the host.
    RoomId
);
uuid_id!(
    /// A message, given by the sender's device (UUIDv7) and unique on the host for good.
    MessageId
);
uuid_id!(
    /// One signed-in installation of a member, given by the host at sign-in.
    DeviceId
);
uuid_id!(
    /// An invite, given by the host; names it in lists and when it is revoked. It is not the secret in the link.
    InviteId
);
uuid_id!(
    /// An incoming webhook, given by the host. It is not the secret in its address.
    HookId
);
uuid_id!(
    /// An outgoing webhook, given by the host.
    ReportId
);

/// The number of an event in its room's log: the first is 1, without gaps, assigned by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS)]
#[serde(transparent)]
#[ts(type = "number")]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first event: the cursor of a client that has nothing yet.
    pub const ZERO: Self = Self(0);

    /// The number that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Milliseconds since the Unix epoch by the host's clock. A label for people; never used for order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS)]
#[serde(transparent)]
#[ts(type = "number")]
pub struct UnixMillis(pub i64);

macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident, $(#[$not_doc:meta])* $not:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
        #[serde(try_from = "String", into = "String")]
        #[ts(type = "string")]
        pub struct $name([u8; 32]);

        $(#[$not_doc])*
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($what)]
        pub struct $not;

        impl $name {
            /// The id whose SHA-256 digest is `digest`.
            #[must_use]
            pub const fn from_digest(digest: [u8; 32]) -> Self {
                Self(digest)
            }

            /// The digest itself.
            #[must_use]
            pub const fn digest(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = $not;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                digest_of(text).map(Self).ok_or($not)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $not;
            fn try_from(text: String) -> Result<Self, $not> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

digest_id!(
    /// What a host is: the SHA-256 of its public key (P-256, SPKI in DER), as 64 lower-case hex digits.
    HostId,
    /// The text was not 64 hex digits.
    NotAHostId,
    "a host id is 64 hex digits"
);
digest_id!(
    /// Which picture of a member or room it is: the SHA-256 of what the host gives for it, as 64 lower-case hex digits.
    /// The same id is the same picture for good.
    AvatarId,
    /// The text was not 64 hex digits.
    NotAnAvatarId,
    "the id of an avatar is 64 hex digits"
);

impl HostId {
    /// The first 16 hex digits, as announced by mDNS. Enough to recognise a known host, never enough to trust one.
    #[must_use]
    pub fn prefix(&self) -> String {
        self.to_string()[..16].to_owned()
    }

    /// Six words (66 bits) a person can compare by voice; the same host always has the same words.
    #[must_use]
    pub fn words(&self) -> String {
        let list = bip39::Language::English.word_list();
        let bits = |index: usize| {
            (0..11).fold(0usize, |acc, bit| {
                let position = index * 11 + bit;
                (acc << 1) | usize::from(self.0[position / 8] >> (7 - position % 8) & 1)
            })
        };
        (0..6).map(|index| list[bits(index)]).collect::<Vec<_>>().join("-")
    }
}

fn digest_of(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 || !bytes.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut digest = [0u8; 32];
    for (slot, pair) in digest.iter_mut().zip(bytes.chunks_exact(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}
