//! A room as people read it: the log's events and, after them, what still waits in the outbox.
//!
//! Refuses to sort by anyone's clock: the host's numbers are the order.

mod diff;

use protocol::{
    Change, ErrorCode, Event, MemberId, MessageId, Posted, Reaction, RoomId, Seq, Text, UnixMillis,
    Visibility,
};

pub use diff::TimelineDiff;

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineItem {
    /// The message's id, or `room:seq` for what is no message. The same from the first echo on, for good.
    pub key: String,
    /// Its number, once the host has given one.
    pub seq: Option<Seq>,
    /// When the host took it; for what still waits, when it was written here.
    pub at: UnixMillis,
    /// Who did it.
    pub by: MemberId,
    /// Their name as known now; empty while it is being fetched.
    pub by_name: String,
    /// What was done.
    pub content: Content,
    /// How far its delivery is.
    pub delivery: Delivery,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A message.
    Message {
        /// For retry, discard and links.
        id: MessageId,
        /// Markdown; empty once it is deleted.
        text: Text,
        /// What else is to say of it.
        about: Box<About>,
    },
    /// `by` came in.
    Joined,
    /// `by` went out.
    Left,
    /// The room was made.
    Created {
        /// Its first name.
        name: String,
        /// Who can find it.
        visibility: Visibility,
    },
    /// From a newer host: show nothing.
    Unknown,
}

/// What hangs on a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The message under which its thread began.
    pub thread: Option<MessageId>,
    /// The message it passes on.
    pub forward_of: Option<MessageId>,
    /// Whom it mentions.
    pub mentions: Vec<MemberId>,
    /// Whether it mentions everyone in the room.
    pub mentions_room: bool,
    /// Whether it has another text than at first.
    pub edited: bool,
    /// Whether it was deleted: show its place only.
    pub deleted: bool,
    /// Whether it is pinned to the room.
    pub pinned: bool,
    /// The emoji under it.
    pub reactions: Vec<Reaction>,
    /// How many messages its thread has.
    pub replies: u32,
}

/// How far a message's delivery is.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// In the outbox, on this computer's disk.
    Queued,
    /// On the host's disk.
    Sent,
    /// Refused for good; retry or discard it.
    Failed {
        /// For programs.
        code: ErrorCode,
        /// For people.
        message: String,
    },
}

/// A stretch of a timeline, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelinePage {
    /// The lines.
    pub items: Vec<TimelineItem>,
    /// Whether the first line is where the room began.
    pub at_start: bool,
    /// Whether lines are missing in or before this stretch that could not be fetched now.
    pub gap: bool,
}

impl TimelineItem {
    /// An event of the log as a line.
    #[must_use]
    pub fn of_event(event: Event, by_name: String) -> Self {
        let by = match &event.change {
            Change::Joined { member } | Change::Left { member } => *member,
            _ => event.by,
        };
        Self {
            key: key_of(event.room, event.seq, &event.change),
            seq: Some(event.seq),
            at: event.at,
            by,
            by_name,
            content: Content::of(event.change),
            delivery: Delivery::Sent,
        }
    }
}

impl Content {
    fn of(change: Change) -> Self {
        match change {
            Change::Created { name, visibility } => Self::Created { name, visibility },
            Change::Joined { .. } => Self::Joined,
            Change::Left { .. } => Self::Left,
            Change::Posted(posted) => Self::of_posted(posted),
            // They change another line and have none of their own.
            _ => Self::Unknown,
        }
    }
}

impl Content {
    fn of_posted(posted: Posted) -> Self {
        let about = Box::new(About {
            reply_to: posted.reply_to,
            thread: posted.thread,
            forward_of: posted.forward_of,
            mentions: posted.mentions,
            mentions_room: posted.mentions_room,
            edited: posted.edited.is_some(),
            deleted: posted.deleted,
            pinned: posted.pinned,
            reactions: posted.reactions,
            replies: posted.replies,
        });
        Self::Message { id: posted.message, text: posted.text, about }
    }
}

fn key_of(room: RoomId, seq: Seq, change: &Change) -> String {
    match change {
        Change::Posted(posted) => posted.message.to_string(),
        _ => format!("{room}:{seq}"),
    }
}
