//! What a client posts.
//!
//! Refuses to say when, or as which number: the host alone knows.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Request;
use crate::ids::{MessageId, RoomId};
use crate::redacted::Text;

/// A message to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Post {
    /// Where.
    pub room: RoomId,
    /// A fresh UUIDv7; the same for every try.
    pub message: MessageId,
    /// Markdown, at most [`TEXT_BYTES`](crate::limits::TEXT_BYTES).
    pub text: Text,
    /// The message of this room it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<MessageId>,
    /// The message of this room under which its thread began, or begins with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub thread: Option<MessageId>,
    /// The message it passes on, from any room I may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub forward_of: Option<MessageId>,
}

impl Post {
    /// A plain message.
    #[must_use]
    pub const fn new(room: RoomId, message: MessageId, text: Text) -> Self {
        Self { room, message, text, reply_to: None, thread: None, forward_of: None }
    }
}

impl Request {
    /// Posts a plain message.
    #[must_use]
    pub const fn post(room: RoomId, message: MessageId, text: Text) -> Self {
        Self::Post(Post::new(room, message, text))
    }
}
