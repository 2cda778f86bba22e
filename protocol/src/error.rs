//! Why a request was refused: a code for programs that branch on it, and a sentence for people beside it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The reason of a refusal. What does not exist and what may not be seen look the same: `not_found`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The frame was not JSON of a known type, or a field was missing or of the wrong type.
    BadFrame,
    /// A field was out of its limits; the message names it.
    OutOfBounds,
    /// Say hello and sign in first.
    NotSignedIn,
    /// This connection is signed in already, or said hello already.
    OutOfOrder,
    /// Unknown name or wrong password; which of them is not said.
    WrongCredentials,
    /// The password was right: sign in again with the authenticator's code beside it.
    SecondFactorRequired,
    /// The password was right, the code was not, or was used before.
    WrongCode,
    /// The host asks for a second factor of this member, who has none: nothing else is answered until they have set one
    /// up.
    SecondFactorMissing,
    /// The session was ended or never was: sign in again.
    SessionEnded,
    /// Another member has this name.
    NameTaken,
    /// No such invite.
    InviteUnknown,
    /// The invite's time is over.
    InviteExpired,
    /// The invite was used as often as it may be.
    InviteUsed,
    /// The invite was revoked.
    InviteRevoked,
    /// An invite is needed from where this peer connects.
    RegistrationClosed,
    /// No such thing, or none you may see.
    NotFound,
    /// You see it, but may not do this.
    Forbidden,
    /// The message id was used before for something else.
    MessageIdReused,
    /// Too much at once; `retry_after_ms` says when.
    RateLimited,
    /// The host can't write at the moment (disk full); reading goes on.
    ReadOnly,
    /// The host is stopping; come back.
    Stopping,
    /// The host failed; its log says why.
    Internal,
    /// From a newer host.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// Whether the same request may succeed later without anyone changing anything.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::RateLimited | Self::ReadOnly | Self::Stopping | Self::Internal)
    }
}
