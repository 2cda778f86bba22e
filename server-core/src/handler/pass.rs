//! By what whoever asks was let in. It is looked at once more where the question meets the store: between the two, the
//! session may have been ended, the token revoked, or the host moved.
//!
//! What those who were let in may do is not decided here.

use protocol::{DeviceId, ErrorCode, MemberId};
use uuid::Uuid;
use vault::rusqlite::Connection;

use crate::admission::session_ended;
use crate::error::Refusal;
use crate::store::table::{bots, forwards, hooks, sessions};
use crate::store::{Denied, stopping};

/// By what whoever asks was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// The session of a device.
    Session(DeviceId),
    /// A bot's token.
    Bot,
    /// The address of a hook.
    Hook(Uuid),
}

impl Pass {
    /// Whether it still lets `member` in.
    ///
    /// # Errors
    /// The refusal that whoever comes by it now hears.
    pub(crate) fn check(self, conn: &Connection, member: MemberId) -> Result<(), Denied> {
        let (good, refusal) = match self {
            Self::Session(device) => (sessions::stands(conn, member, device)?, session_ended()),
            Self::Bot => (bots::stands(conn, member)?, no_bot()),
            Self::Hook(hook) => (hooks::stands(conn, hook)?, Refusal::not_found("hook")),
        };
        if !good {
            return Err(refusal.into());
        }
        // Connections are closed by then; a program waits for its answer all the same.
        match self {
            Self::Bot | Self::Hook(_) if forwards::any(conn)? => Err(stopping().into()),
            _ => Ok(()),
        }
    }

    /// The device that asks; of a program, none that there is.
    pub(crate) fn device(self) -> DeviceId {
        match self {
            Self::Session(device) => device,
            Self::Bot | Self::Hook(_) => DeviceId(Uuid::nil()),
        }
    }
}

/// No token, or none that is good.
pub(crate) fn no_bot() -> Refusal {
    Refusal::new(ErrorCode::NotSignedIn, "give a bot's token as `Authorization: Bearer …`")
}
