//! The facts of a room's log.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{AvatarId, MemberId, MessageId, RoomId, Seq, UnixMillis};
use crate::people::{Reading, RoomRole, Visibility};
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
    /// `member` came in; by somebody else's doing where `by` is another.
    Joined {
        /// Who.
        member: MemberId,
    },
    /// `member` went out; by somebody else's doing where `by` is another.
    Left {
        /// Who.
        member: MemberId,
    },
    /// A message was posted.
    Posted(Posted),
    /// A message has a new text.
    Edited(Edited),
    /// A message is no more: its text is gone everywhere.
    Deleted {
        /// Which.
        message: MessageId,
    },
    /// `by` put an emoji under a message.
    Reacted {
        /// Which.
        message: MessageId,
        /// With what.
        emoji: String,
    },
    /// `by` took it back.
    Unreacted {
        /// Which.
        message: MessageId,
        /// What.
        emoji: String,
    },
    /// A message was pinned to the room.
    Pinned {
        /// Which.
        message: MessageId,
    },
    /// It was taken down again.
    Unpinned {
        /// Which.
        message: MessageId,
    },
    /// The room has another name.
    Renamed {
        /// Without the `#`.
        name: String,
    },
    /// The room is about something else.
    TopicSet {
        /// May be empty.
        topic: String,
    },
    /// The room has another picture, or none any more.
    AvatarSet {
        /// Which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        avatar: Option<AvatarId>,
    },
    /// Those who come in may read from elsewhere on.
    ReadingSet {
        /// From where.
        reading: Reading,
    },
    /// `member` may do something else in the room.
    RoleSet {
        /// Who.
        member: MemberId,
        /// What they may do.
        role: RoomRole,
    },
    /// The room is closed: it can be read, and nothing is said in it.
    Archived,
    /// The room is open again.
    Restored,
    /// From a newer host: count its number, show nothing.
    #[serde(other)]
    #[ts(skip)]
    Unknown,
}

/// A message. In a log that is read later it says how the message stands by then: pages and syncs carry the newest
/// text, and no text once it is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Posted {
    /// Given by the sender's device.
    pub message: MessageId,
    /// Markdown; empty once it is deleted.
    pub text: Text,
    /// Which message of its room this is: the first is 1. Unread messages are counted by it.
    #[serde(default)]
    #[ts(as = "Option<u32>", optional)]
    pub n: u64,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<MessageId>,
    /// The message under which its thread began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub thread: Option<MessageId>,
    /// The message it passes on; a label only, the text stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub forward_of: Option<MessageId>,
    /// Whom it mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<MemberId>>", optional)]
    pub mentions: Vec<MemberId>,
    /// Whether it mentions everyone in the room.
    #[serde(default, skip_serializing_if = "is_false")]
    #[ts(as = "Option<bool>", optional)]
    pub mentions_room: bool,
    /// The number of its newest edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub edited: Option<Seq>,
    /// Whether it was deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    #[ts(as = "Option<bool>", optional)]
    pub deleted: bool,
    /// Whether it is pinned.
    #[serde(default, skip_serializing_if = "is_false")]
    #[ts(as = "Option<bool>", optional)]
    pub pinned: bool,
    /// In the order in which the emoji first came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Reaction>>", optional)]
    pub reactions: Vec<Reaction>,
    /// How many messages its thread has, deleted ones included: each keeps its place.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[ts(as = "Option<u32>", optional)]
    pub replies: u32,
    /// The number of the newest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub replied: Option<Seq>,
}

/// The new text of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Edited {
    /// Which.
    pub message: MessageId,
    /// Markdown; absent once a later edit or a deletion took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub text: Option<Text>,
    /// Whom it mentions now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<MemberId>>", optional)]
    pub mentions: Vec<MemberId>,
    /// Whether it mentions everyone in the room now.
    #[serde(default, skip_serializing_if = "is_false")]
    #[ts(as = "Option<bool>", optional)]
    pub mentions_room: bool,
}

/// One emoji under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Reaction {
    /// Which.
    pub emoji: String,
    /// By whom, in the order in which they came.
    pub by: Vec<MemberId>,
}

impl Posted {
    /// A plain message, as it stands at first.
    #[must_use]
    pub const fn new(message: MessageId, text: Text) -> Self {
        Self {
            message,
            text,
            n: 0,
            reply_to: None,
            thread: None,
            forward_of: None,
            mentions: Vec::new(),
            mentions_room: false,
            edited: None,
            deleted: false,
            pinned: false,
            reactions: Vec::new(),
            replies: 0,
            replied: None,
        }
    }

    /// Takes a later `change` of this message by `by` under the number `seq`: what was done to it, or one more message
    /// of its thread. Changes taken again in their order lead to the same; those of other messages change nothing.
    pub fn take(&mut self, seq: Seq, by: MemberId, change: &Change) {
        match change {
            Change::Posted(reply) if reply.thread == Some(self.message) => self.answered(seq),
            Change::Deleted { message } if *message == self.message => self.delete(),
            _ if self.deleted => {}
            Change::Edited(edit) if edit.message == self.message => self.edit(seq, edit),
            Change::Reacted { message, emoji } if *message == self.message => self.react(emoji, by),
            Change::Unreacted { message, emoji } if *message == self.message => self.unreact(emoji, by),
            Change::Pinned { message } if *message == self.message => self.pinned = true,
            Change::Unpinned { message } if *message == self.message => self.pinned = false,
            _ => {}
        }
    }

    /// Leaves the place of the message and nothing of what it said.
    pub fn delete(&mut self) {
        self.text = Text(String::new());
        self.mentions.clear();
        self.mentions_room = false;
        self.forward_of = None;
        self.reactions.clear();
        self.pinned = false;
        self.deleted = true;
    }

    fn answered(&mut self, seq: Seq) {
        if self.replied.is_none_or(|newest| newest < seq) {
            self.replies += 1;
            self.replied = Some(seq);
        }
    }

    fn edit(&mut self, seq: Seq, edit: &Edited) {
        if self.edited.is_some_and(|newest| newest > seq) {
            return;
        }
        self.edited = Some(seq);
        if let Some(text) = &edit.text {
            self.text = text.clone();
            self.mentions.clone_from(&edit.mentions);
            self.mentions_room = edit.mentions_room;
        }
    }

    fn react(&mut self, emoji: &str, by: MemberId) {
        match self.reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
            Some(reaction) if reaction.by.contains(&by) => {}
            Some(reaction) => reaction.by.push(by),
            None => self.reactions.push(Reaction { emoji: emoji.to_owned(), by: vec![by] }),
        }
    }

    fn unreact(&mut self, emoji: &str, by: MemberId) {
        for reaction in self.reactions.iter_mut().filter(|reaction| reaction.emoji == emoji) {
            reaction.by.retain(|member| *member != by);
        }
        self.reactions.retain(|reaction| !reaction.by.is_empty());
    }
}

impl Change {
    /// A plain message.
    #[must_use]
    pub const fn posted(message: MessageId, text: Text) -> Self {
        Self::Posted(Posted::new(message, text))
    }

    /// The message that this changes: of one in a thread, the message under which the thread began. None for other
    /// messages and for what is about no message.
    #[must_use]
    pub const fn target(&self) -> Option<MessageId> {
        match self {
            Self::Posted(Posted { thread, .. }) => *thread,
            Self::Edited(Edited { message, .. })
            | Self::Deleted { message }
            | Self::Reacted { message, .. }
            | Self::Unreacted { message, .. }
            | Self::Pinned { message }
            | Self::Unpinned { message } => Some(*message),
            _ => None,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference
fn is_false(flag: &bool) -> bool {
    !flag
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn change() -> impl Strategy<Value = (MemberId, Change)> {
        let message = MessageId(Uuid::from_u128(1));
        let emoji = prop_oneof![Just("+1".to_owned()), Just("heart".to_owned())];
        let reply = Posted::new(MessageId(Uuid::from_u128(3)), "reply".into());
        let change = prop_oneof![
            6 => "[a-z]{0,3}".prop_map(move |text| Change::Edited(Edited {
                message, text: Some(Text(text)), mentions: Vec::new(), mentions_room: false
            })),
            6 => emoji.clone().prop_map(move |emoji| Change::Reacted { message, emoji }),
            6 => emoji.prop_map(move |emoji| Change::Unreacted { message, emoji }),
            3 => Just(Change::Pinned { message }),
            3 => Just(Change::Unpinned { message }),
            1 => Just(Change::Deleted { message }),
            1 => Just(Change::Deleted { message: MessageId(Uuid::from_u128(2)) }),
            3 => Just(Change::Posted(Posted { thread: Some(message), ..reply.clone() })),
            1 => Just(Change::Posted(reply)),
        ];
        ((0u128..3).prop_map(|by| MemberId(Uuid::from_u128(by))), change)
    }

    fn sorted(mut posted: Posted) -> Posted {
        posted.reactions.iter_mut().for_each(|reaction| reaction.by.sort());
        posted.reactions.sort_by(|one, other| one.emoji.cmp(&other.emoji));
        posted
    }

    proptest! {
        #[test]
        fn a_state_read_later_takes_the_changes_it_already_holds_without_harm(
            changes in prop::collection::vec(change(), 0..20), again in 0usize..20,
        ) {
            let mut once = Posted::new(MessageId(Uuid::from_u128(1)), "first".into());
            for (seq, (by, change)) in (1..).map(Seq).zip(&changes) {
                once.take(seq, *by, change);
            }
            let mut twice = once.clone();
            for (seq, (by, change)) in (1..).map(Seq).zip(&changes).skip(again) {
                twice.take(seq, *by, change);
            }
            prop_assert_eq!(sorted(twice), sorted(once.clone()));
            let in_thread = |change: &Change| matches!(change, Change::Posted(reply) if reply.thread.is_some());
            let replies = changes.iter().filter(|(_, change)| in_thread(change)).count();
            prop_assert_eq!(once.replies as usize, replies, "a deleted message keeps its thread");
            prop_assert!(!once.deleted || once.text.0.is_empty());
        }
    }
}
