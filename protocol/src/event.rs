//! The facts of a room's log.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{MemberId, MessageId, RoomId, Seq, UnixMillis};
use crate::people::Visibility;
use crate::redacted::Text;

/// One entry of a room's log. The host's numbering is the order; the time is only a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Event {
    /// Whose log.
    pub room: RoomId,
    /// Its number there.
    pub seq: Seq,
    /// When the host took it.
    pub at: UnixMillis,
    /// Who did it.
    pub by: MemberId,
    /// What was done.
    pub change: Change,
}

/// What an event changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// The room was made; always number 1.
    Created {
        /// Its first name.
        name: String,
        /// Who can find it.
        visibility: Visibility,
    },
    /// `member` came in.
    Joined {
        /// Who.
        member: MemberId,
    },
    /// `member` went out.
    Left {
        /// Who.
        member: MemberId,
    },
    /// A message was posted.
    Posted {
        /// Given by the sender's device.
        message: MessageId,
        /// Markdown.
        text: Text,
    },
    /// From a newer host: count its number, show nothing.
    #[serde(other)]
    #[ts(skip)]
    Unknown,
}
