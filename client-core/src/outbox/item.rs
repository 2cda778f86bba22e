//! One message on its way to the host.

use protocol::{ErrorCode, Member, MessageId, RoomId, Text, UnixMillis};

use crate::timeline::{Content, Delivery, TimelineItem};

/// A row of the outbox. The id stays the same for every try, so that the host can tell a resend from a new message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unsent {
    pub(crate) room: RoomId,
    pub(crate) message: MessageId,
    pub(crate) text: Text,
    pub(crate) queued_at: UnixMillis,
    pub(crate) refusal: Option<Refusal>,
}

/// Why the host refused a message for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Unsent {
    /// The message as its writer sees it.
    pub(crate) fn line(self, me: &Member) -> TimelineItem {
        TimelineItem {
            key: self.message.to_string(),
            seq: None,
            at: self.queued_at,
            by: me.id,
            by_name: me.name.clone(),
            content: Content::Message { id: self.message, text: self.text, about: Box::default() },
            delivery: match self.refusal {
                None => Delivery::Queued,
                Some(Refusal { code, message }) => Delivery::Failed { code, message },
            },
        }
    }
}
