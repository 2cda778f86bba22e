//! The host's tables, all of its SQL, and what a question to them can answer.
//!
//! Functions here take a connection and answer plainly; whether it is the writer's or a reader's is the caller's
//! part, as is every decision about who may ask.

pub(crate) mod damage;
pub(crate) mod figures;
pub(crate) mod kept;
pub(crate) mod search;
pub(crate) mod table {
    pub(crate) mod audits;
    pub(crate) mod avatars;
    pub(crate) mod bots;
    pub(crate) mod certificates;
    pub(crate) mod cursors;
    pub(crate) mod events;
    pub(crate) mod follows;
    pub(crate) mod forwards;
    pub(crate) mod hooks;
    pub(crate) mod host;
    pub(crate) mod invites;
    pub(crate) mod marks;
    pub(crate) mod members;
    pub(crate) mod memberships;
    pub(crate) mod messages;
    pub(crate) mod passwords;
    pub(crate) mod relations;
    pub(crate) mod reports;
    pub(crate) mod retentions;
    pub(crate) mod rooms;
    pub(crate) mod second_factors;
    pub(crate) mod sessions;
    pub(crate) mod statuses;
    pub(crate) mod words;
}

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::UnixMillis;
use uuid::Uuid;
use vault::rusqlite::{self, Row, RowIndex};
use vault::{CommitError, Migration, ReadError, Schema};

use crate::error::Refusal;
use table::{
    audits, avatars, bots, certificates, cursors, events, follows, forwards, hooks, host, invites, marks,
    members, memberships, messages, passwords, relations, reports, retentions, rooms, second_factors,
    sessions, statuses,
};

/// Every step ever shipped, oldest first; append only.
pub const SCHEMA: Schema = Schema {
    migrations: &[
        Migration { name: "host", sql: host::SCHEMA },
        Migration { name: "members", sql: members::SCHEMA },
        Migration { name: "passwords", sql: passwords::SCHEMA },
        Migration { name: "sessions", sql: sessions::SCHEMA },
        Migration { name: "invites", sql: invites::SCHEMA },
        Migration { name: "rooms", sql: rooms::SCHEMA },
        Migration { name: "memberships", sql: memberships::SCHEMA },
        Migration { name: "events", sql: events::SCHEMA },
        Migration { name: "audits", sql: audits::SCHEMA },
        Migration { name: "forwards", sql: forwards::SCHEMA },
        Migration { name: "messages", sql: messages::SCHEMA },
        Migration { name: "invite_rooms", sql: invites::ROOMS_SCHEMA },
        Migration { name: "bots", sql: bots::SCHEMA },
        Migration { name: "hooks", sql: hooks::SCHEMA },
        Migration { name: "retentions", sql: retentions::SCHEMA },
        Migration { name: "relations", sql: relations::SCHEMA },
        Migration { name: "marks", sql: marks::SCHEMA },
        Migration { name: "follows", sql: follows::SCHEMA },
        Migration { name: "cursors", sql: cursors::SCHEMA },
        Migration { name: "reports", sql: reports::SCHEMA },
        Migration { name: "certificates", sql: certificates::SCHEMA },
        Migration { name: "second_factors", sql: second_factors::SCHEMA },
        Migration { name: "avatars", sql: avatars::SCHEMA },
        Migration { name: "statuses", sql: statuses::SCHEMA },
        Migration { name: "messages_by_room", sql: messages::BY_ROOM_SCHEMA },
    ],
};

/// Why a question to the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denied {
    /// The one who asks may not, or there is nothing.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error("the store failed")]
    Storage(#[from] rusqlite::Error),
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(refusal) => refusal,
            Denied::Storage(error) => {
                tracing::error!(error = %described(&error), "the store failed");
                Self::internal()
            }
        }
    }
}

impl From<ReadError<Denied>> for Refusal {
    fn from(error: ReadError<Denied>) -> Self {
        match error {
            ReadError::Job(denied) => denied.into(),
            ReadError::Closed => stopping(),
            other => {
                tracing::error!(error = %other, "a read failed");
                Self::internal()
            }
        }
    }
}

/// What to answer when a write did not reach the disk.
pub(crate) fn not_committed(error: &CommitError) -> Refusal {
    use protocol::ErrorCode::{Internal, ReadOnly};
    match error {
        CommitError::DiskFull => Refusal::new(
            ReadOnly,
            "the host's disk is full: nothing was stored; free some space, then try again",
        ),
        CommitError::Failed(_) => Refusal::new(
            ReadOnly,
            "the host's disk failed: nothing was stored; whoever runs the host must check the disk and restart it",
        ),
        CommitError::Closed => stopping(),
        other => {
            tracing::error!(error = %other, "a write was undone");
            Refusal::new(Internal, "the host could not store this; try again")
        }
    }
}

pub(crate) fn stopping() -> Refusal {
    Refusal::new(protocol::ErrorCode::Stopping, "the host is stopping; come back in a moment")
}

/// An error of the engine without the statement, which could hold what people wrote.
fn described(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => failure.to_string(),
        rusqlite::Error::FromSqlConversionFailure(column, kind, _) => {
            format!("column {column} is not {kind}")
        }
        rusqlite::Error::SqlInputError { error, .. } => error.to_string(),
        other => other.to_string(),
    }
}

/// Whether a write failed because something else has this name or id.
pub(crate) fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

/// Leaves out a write that can be done without while the disk is full.
pub(crate) fn if_writable(written: rusqlite::Result<usize>) -> rusqlite::Result<()> {
    match written {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly) => Ok(()),
        written => written.map(drop),
    }
}

fn uuid<I: RowIndex>(row: &Row<'_>, column: I) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

fn whole(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The host's clock: a label on what it stores, never an order.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
