//! How much of a room or thread waits to be read: the one derivation for hosts, clients and badges. Pure.
//!
//! What counts is a message of somebody else whom I have not blocked, that is not deleted and comes after my mark. A
//! message in a thread counts in its thread, for those who follow it, and never in the room.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::event::Posted;
use crate::ids::{MemberId, MessageId, RoomId, Seq, UnixMillis};
use crate::limits::UNREAD;

/// What of a room counts for me.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// Every message.
    #[default]
    All,
    /// Only those that mention me.
    Mentions,
    /// None.
    Nothing,
}

/// How far I am in a room of mine, and what waits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Progress {
    /// Which room.
    pub room: RoomId,
    /// How far I have read: the number of an event.
    pub mark: Seq,
    /// The `n` of the newest message up to there.
    #[ts(type = "number")]
    pub marked: u64,
    /// What of it counts for me.
    pub attention: Attention,
    /// Messages that count, up to [`UNREAD`].
    pub unread: u32,
    /// Those of them that mention me.
    pub mentions: u32,
    /// The room's newest number when this was counted: add to it what comes after.
    #[serde(default)]
    pub head: Seq,
}

/// How far I am in a thread, and what waits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ThreadProgress {
    /// Where.
    pub room: RoomId,
    /// Under which message it began.
    pub message: MessageId,
    /// Whether I follow it; where I do not, nothing waits.
    pub followed: bool,
    /// How far I have read it: the number of an event.
    pub mark: Seq,
    /// Messages that count, up to [`UNREAD`].
    pub unread: u32,
    /// Those of them that mention me.
    pub mentions: u32,
    /// How many messages it has.
    pub replies: u32,
    /// The newest of them; the one under which it begins while there is none.
    pub newest: MessageId,
    /// When that one was posted.
    pub at: UnixMillis,
    /// As in [`Progress`].
    pub head: Seq,
}

/// How many messages count, and how many of them mention me; of one message, none or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// Messages.
    pub messages: u64,
    /// Mentions.
    pub mentions: u64,
}

/// A message, as far as it matters whether it counts.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// Its number.
    pub seq: Seq,
    /// Whose it is.
    pub by: MemberId,
    /// Whether I blocked them.
    pub blocked: bool,
    /// How it stood before, if it is not new.
    pub before: Option<&'a Posted>,
    /// How it stands now.
    pub now: &'a Posted,
}

/// What one message by `by` is to me where it stands, if it comes after my mark.
#[must_use]
pub fn weigh(me: MemberId, by: MemberId, blocked: bool, posted: &Posted) -> Weight {
    let counts = by != me && !blocked && !posted.deleted;
    let mentions = counts && (posted.mentions_room || posted.mentions.contains(&me));
    Weight { messages: counts.into(), mentions: mentions.into() }
}

/// What waits in a room or thread where this much counts: messages, then mentions.
#[must_use]
pub fn waiting(counted: Weight, attention: Attention) -> (u32, u32) {
    let shown = |count: u64| u32::try_from(count).unwrap_or(u32::MAX).min(UNREAD);
    let mentions = shown(counted.mentions.min(counted.messages));
    match attention {
        Attention::All => (shown(counted.messages), mentions),
        Attention::Mentions => (mentions, mentions),
        Attention::Nothing => (0, 0),
    }
}

impl Progress {
    /// Takes a message that is new or stands differently now. Says whether the counts are still sure: where they had
    /// reached [`UNREAD`] and became fewer, only the host knows.
    #[must_use]
    pub fn take(&mut self, me: MemberId, heard: Heard<'_>) -> bool {
        if heard.seq <= self.mark || heard.now.thread.is_some() {
            return true;
        }
        shift((&mut self.unread, &mut self.mentions), self.attention, me, heard)
    }
}

impl ThreadProgress {
    /// As [`Progress::take`], in a room that has this `attention`.
    #[must_use]
    pub fn take(&mut self, me: MemberId, attention: Attention, heard: Heard<'_>) -> bool {
        if !self.followed || heard.seq <= self.mark || heard.now.thread != Some(self.message) {
            return true;
        }
        shift((&mut self.unread, &mut self.mentions), attention, me, heard)
    }
}

fn shift(
    (unread, mentions): (&mut u32, &mut u32),
    attention: Attention,
    me: MemberId,
    heard: Heard<'_>,
) -> bool {
    let weight = |posted| waiting(weigh(me, heard.by, heard.blocked, posted), attention);
    let (before, now) = (heard.before.map(weight).unwrap_or_default(), weight(heard.now));
    let full = UNREAD;
    let sure = (*unread < full || now.0 >= before.0) && (*mentions < full || now.1 >= before.1);
    let moved = |count: u32, before: u32, now: u32| (count + now).saturating_sub(before).min(UNREAD);
    *unread = moved(*unread, before.0, now.0);
    *mentions = moved(*mentions, before.1, now.1);
    sure
}

#[cfg(test)]
mod tests;
