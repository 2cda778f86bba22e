//! What can go wrong, one enum per operation; each sentence says what to do next and quotes no message or secret.

use protocol::{ErrorCode, Failure, HostId};
use thiserror::Error;
use vault::{ReadError, WriteError};

/// Why a profile did not open.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The vault said no.
    #[error(transparent)]
    Vault(#[from] vault::OpenError),
    /// The vault opened, but its tables could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a profile was not created.
#[derive(Debug, Error)]
pub enum CreateProfileError {
    /// The vault said no.
    #[error(transparent)]
    Vault(#[from] vault::CreateError),
    /// The vault was made, but its tables could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the profile's own storage failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Writing failed.
    #[error("could not save: {0}")]
    Write(#[from] WriteError<rusqlite::Error>),
    /// Reading failed.
    #[error("could not read what is saved: {0}")]
    Read(#[from] ReadError<rusqlite::Error>),
}

/// Why no verified host was reached. No credential has left this computer.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The text is no address.
    #[error("\"{0}\" is not an address; type one like 192.168.1.20:7717 or chat.example.org")]
    NotAnAddress(String),
    /// Nothing answered anywhere.
    #[error(
        "no host answers at {}; check that it is running and that both computers are on the same network",
        tried.join(", ")
    )]
    NoAnswer {
        /// Where it was tried.
        tried: Vec<String>,
    },
    /// Something answered that does not speak this protocol.
    #[error("what answers at {0} is not a Hearth host; check the address and the port")]
    NotAHost(String),
    /// The host has another key than the one that was pinned or invited to.
    #[error(
        "the host answers with another key than expected: it may have been replaced, or somebody stands in between; \
         ask whoever runs it, and join anew only if its words are {}", found.words()
    )]
    KeyChanged {
        /// The pinned id.
        expected: HostId,
        /// Who answered.
        found: HostId,
    },
    /// The host could not prove the key it claims.
    #[error(
        "what answers at {0} could not prove its key; do not trust this connection, and ask whoever runs the host"
    )]
    NotProven(String),
    /// No common protocol version.
    #[error("this host speaks another version of the protocol; update Hearth here and there")]
    Version,
}

/// Why this installation did not become a member's device.
#[derive(Debug, Error)]
pub enum JoinError {
    /// Nothing answered anywhere.
    #[error(
        "no host answers at {}; check that it is running and that both computers are on the same network",
        tried.join(", ")
    )]
    NoAnswer {
        /// Where it was tried.
        tried: Vec<String>,
    },
    /// The host has another key than the invite or the person said.
    #[error(
        "the host answers with another key than expected, so nothing was sent; ask whoever runs it for a new invite"
    )]
    KeyChanged {
        /// From the invite, or confirmed by the person.
        expected: HostId,
        /// Who answered.
        found: HostId,
    },
    /// Another reason of no contact.
    #[error(transparent)]
    Connect(ConnectError),
    /// The invite was used as often as it may be.
    #[error("this invite has been used; ask for a new one")]
    InviteUsed,
    /// The invite's time is over.
    #[error("this invite has expired; ask for a new one")]
    InviteExpired,
    /// The invite was revoked.
    #[error("this invite was revoked; ask for a new one")]
    InviteRevoked,
    /// No such invite.
    #[error("the host does not know this invite; check that the link is complete, or ask for a new one")]
    InviteUnknown,
    /// Another member has this name.
    #[error("this name is taken on this host; choose another one, or sign in with your password")]
    NameTaken,
    /// Unknown name or wrong password.
    #[error("the name or the password is wrong; try again")]
    WrongCredentials,
    /// The password was right; a code is needed beside it.
    #[error("this account has a second factor: give the code your authenticator shows, or a recovery code")]
    SecondFactorRequired,
    /// The password was right, the code was not.
    #[error("the code is not right, or was used before; try the one your authenticator shows now")]
    WrongCode,
    /// No registration from here.
    #[error("this host takes new members by invite only; ask a member for a link")]
    RegistrationClosed,
    /// This profile is a member of that host already.
    #[error("you are signed in to this host already")]
    AlreadyJoined,
    /// The session's secret can't be kept.
    #[error("the session could not be kept safe, so nothing was joined: {0}")]
    Secrets(String),
    /// The connection broke in the middle.
    #[error("the connection broke off while joining; try again")]
    Interrupted,
    /// Refused for another reason.
    #[error("{message}")]
    Refused {
        /// For programs.
        code: ErrorCode,
        /// For people.
        message: String,
    },
    /// Joined, but it could not be saved.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why something asked of a known host of the profile failed.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// No such host.
    #[error("this host is not known here; join it first")]
    UnknownHost,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum RequestError {
    /// There is no live connection now.
    #[error("not connected to the host; try again once the connection is back")]
    NotConnected,
    /// The host did not answer in time, or the connection broke meanwhile.
    #[error("the host did not answer; try again")]
    NoAnswer,
    /// The host refused.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// The host answered with something else than what was asked.
    #[error("the host gave an answer this version does not understand; update Hearth")]
    Unexpected,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a message did not even reach the outbox.
#[derive(Debug, Error)]
pub enum SendError {
    /// Too long, or blank.
    #[error("the message {0}")]
    Text(#[from] protocol::limits::OutOfBounds),
    /// Too much waits already.
    #[error("{waiting} messages wait to be delivered already; wait for the connection, or discard some")]
    OutboxFull {
        /// How many wait.
        waiting: u64,
    },
    /// Not a room of mine.
    #[error("you are not in this room; join it first")]
    UnknownRoom,
    /// No such unsent message: delivered meanwhile, or discarded.
    #[error("this message is not waiting any more")]
    NotWaiting,
    /// No random bytes.
    #[error("the system gives no random numbers; restart it")]
    Randomness,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a page of a timeline could not be shown.
#[derive(Debug, Error)]
pub enum TimelineError {
    /// No such room.
    #[error("you are not in this room; join it first")]
    UnknownRoom,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ConnectError> for JoinError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NoAnswer { tried } => Self::NoAnswer { tried },
            ConnectError::KeyChanged { expected, found } => Self::KeyChanged { expected, found },
            other => Self::Connect(other),
        }
    }
}

impl From<Failure> for JoinError {
    fn from(failure: Failure) -> Self {
        match failure.code {
            ErrorCode::InviteUsed => Self::InviteUsed,
            ErrorCode::InviteExpired => Self::InviteExpired,
            ErrorCode::InviteRevoked => Self::InviteRevoked,
            ErrorCode::InviteUnknown => Self::InviteUnknown,
            ErrorCode::NameTaken => Self::NameTaken,
            ErrorCode::WrongCredentials => Self::WrongCredentials,
            ErrorCode::SecondFactorRequired => Self::SecondFactorRequired,
            ErrorCode::WrongCode => Self::WrongCode,
            ErrorCode::RegistrationClosed => Self::RegistrationClosed,
            code => Self::Refused { code, message: failure.message },
        }
    }
}

impl From<WriteError<rusqlite::Error>> for RequestError {
    fn from(error: WriteError<rusqlite::Error>) -> Self {
        Self::Store(error.into())
    }
}
