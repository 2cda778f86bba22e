//! Programs that talk: hooks that post into a room, reports that tell of it, and bots that do both.
//!
//! Their secrets are in the answers that make them and nowhere else.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{HookId, MemberId, ReportId, RoomId, Seq};

/// An incoming webhook: an address that a program posts to, for one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Hook {
    /// For revoking it.
    pub id: HookId,
    /// Where it posts.
    pub room: RoomId,
    /// As whom it posts: an account of its own.
    pub member: MemberId,
    /// What that account is called.
    pub name: String,
}

/// An outgoing webhook: a program that is told what happens in one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Report {
    /// For revoking it.
    pub id: ReportId,
    /// What is reported of.
    pub room: RoomId,
    /// The other side's name; the rest of its address may be a secret.
    pub to: String,
    /// The number of the newest event that was taken.
    pub sent: Seq,
    /// Tries in a row that came to nothing.
    pub failures: u32,
    /// Why the last one did, if it did; English for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<String>,
    /// Whether it is tried no more, until somebody resumes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub given_up: bool,
}

/// A bot: an account of a program, with a token instead of a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Bot {
    /// Its account.
    pub member: MemberId,
    /// What that account is called.
    pub name: String,
}
