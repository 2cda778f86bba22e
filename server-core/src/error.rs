//! Why a host does not start, and why a request is refused.
//!
//! Never quotes what a peer sent.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use protocol::{ErrorCode, Failure};

/// Why a host did not start. Nothing was changed that a later start would miss.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens there.
    #[error("port {} is in use; stop the program that listens there, or choose another port", .0.port())]
    PortInUse(SocketAddr),
    /// The address can't be listened on.
    #[error("cannot listen on {address}; check the address and that the port is allowed")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The given name is no name.
    #[error("the host's name {0}")]
    Name(#[from] protocol::limits::OutOfBounds),
    /// The vault did not open.
    #[error(transparent)]
    Open(#[from] vault::OpenError),
    /// The vault could not be made.
    #[error(transparent)]
    Create(#[from] vault::CreateError),
    /// What is in the vault is not a host, or could not be written.
    #[error("the host's record in {} cannot be used; restore a backup into another folder", path.display())]
    Record {
        /// The data folder.
        path: PathBuf,
        /// What was wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The host's key or certificate could not be made.
    #[error("the host's key cannot be used: {0}")]
    Key(&'static str),
    /// A certificate from files can't be used.
    #[error("{} can't be used for TLS: {problem}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The address for metrics can't be listened on.
    #[error("cannot serve metrics on {address}; check the address and that the port is free")]
    Metrics {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no randomness.
    #[error("the system has no randomness to make a key from; try again once it has started completely")]
    Randomness,
    /// The runtime is ending.
    #[error("the program is ending")]
    Interrupted,
}

/// Why a running host keeps the configuration it has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The given name is no name.
    #[error("the host's name {0}")]
    Name(#[from] protocol::limits::OutOfBounds),
    /// A certificate can't be used.
    #[error(transparent)]
    Certificate(StartError),
    /// The new name, or the note that the settings were read, could not be stored.
    #[error("it could not be stored: {0}")]
    Store(Refusal),
}

/// A refused request: the code for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For people; says what to do.
    pub message: String,
    /// When to try again, in milliseconds.
    pub retry_after_ms: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }

    /// A field is out of its limits.
    pub(crate) fn field(field: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::OutOfBounds, format!("{field} {problem}"))
    }

    /// For what is not there and what may not be seen alike.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {what}, or you may not see it"))
    }

    pub(crate) fn forbidden(message: &str) -> Self {
        Self::new(ErrorCode::Forbidden, message)
    }

    pub(crate) fn rate_limited(retry_after_ms: u32) -> Self {
        let seconds = retry_after_ms.div_ceil(1000).max(1);
        Self {
            code: ErrorCode::RateLimited,
            message: format!("too many attempts; try again in {seconds} s"),
            retry_after_ms: Some(retry_after_ms),
        }
    }

    /// For who has to wait this long: it is rounded up, so that it is true.
    pub(crate) fn wait(time: std::time::Duration) -> Self {
        Self::rate_limited(u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1))
    }

    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::Internal, "the host failed; its log says why")
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, message: refusal.message, retry_after_ms: refusal.retry_after_ms }
    }
}
