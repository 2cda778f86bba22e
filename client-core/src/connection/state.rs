//! The states of a connection, as people see them.

use protocol::HostId;

/// Where the connection to a host stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// Looking for the host at all its addresses.
    Dialling,
    /// The host has proven its key; saying who we are, and hearing what was missed.
    SigningIn,
    /// Caught up; messages flow.
    Live,
    /// Trying again by itself.
    Waiting {
        /// When, in milliseconds since the Unix epoch by this computer's clock.
        retry_at_ms: i64,
        /// Why it waits.
        reason: WaitReason,
    },
    /// Not trying again until a person acts.
    Stopped {
        /// Why.
        reason: StopReason,
    },
}

/// Why a connection waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// Nothing answers.
    NoAnswer,
    /// The connection broke or fell silent.
    Lost,
    /// The host is stopping or restarting.
    HostStopping,
    /// The host asked to come back later; its own words.
    Busy(String),
    /// The session's secret can't be read now; the keyring's words.
    Keyring(String),
    /// This computer can't save or read; the vault's words.
    Storage(String),
}

/// Why a connection stopped for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Another key answers than the pinned one. Nothing was sent to it.
    KeyChanged {
        /// The pinned id.
        expected: HostId,
        /// Who answered.
        found: HostId,
    },
    /// The session was ended: sign in again.
    SessionEnded,
    /// No common protocol version: update.
    Version,
    /// Signed out here.
    SignedOut,
    /// The host sent this client away with a code of its own.
    SentAway {
        /// The close code.
        code: u16,
    },
    /// The client was closed.
    Closed,
}

impl ConnectionState {
    /// Whether requests can be made now.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live)
    }
}

impl std::fmt::Display for WaitReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("the host does not answer"),
            Self::Lost => f.write_str("the connection was lost"),
            Self::HostStopping => f.write_str("the host is restarting"),
            Self::Busy(message) | Self::Keyring(message) | Self::Storage(message) => f.write_str(message),
        }
    }
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::KeyChanged { found, .. } => write!(
                f,
                "the host answers with another key ({}); ask whoever runs it before you trust it",
                found.words()
            ),
            Self::SessionEnded => f.write_str("the session was ended; sign in again"),
            Self::Version => f.write_str("the host speaks another version; update Hearth"),
            Self::SignedOut => f.write_str("signed out"),
            Self::SentAway { code } => {
                write!(f, "the host sent this client away (code {code}); update Hearth")
            }
            Self::Closed => f.write_str("closed"),
        }
    }
}
