//! What a client may look for.
//!
//! Refuses to know what the words mean: [`search`](crate::search) does, the same on both sides.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{MemberId, MessageId, RoomId, UnixMillis};
use crate::redacted::Text;

/// What is looked for. What is left out does not matter; `text` or `room` must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Search {
    /// Words that must all be there, the last one perhaps unfinished; what stands in quotes in this very order.
    #[serde(default)]
    pub text: Text,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub from: Option<MemberId>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room: Option<RoomId>,
    /// Posted before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub before: Option<UnixMillis>,
    /// Posted at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub after: Option<UnixMillis>,
    /// Only those with a link.
    #[serde(default)]
    pub has_link: bool,
    /// Only those older than this one: the last of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub older_than: Option<MessageId>,
    /// At most this many.
    pub limit: u32,
}
