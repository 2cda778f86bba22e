//! The log of every room: only ever added to, numbered without gaps.

use protocol::{Change, Event, MemberId, MessageId, RoomId, Seq, Text, UnixMillis};
use vault::rusqlite::{Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::rooms::{next_seq, visibility, visibility_name};
use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- The log of every room: only ever added to.
CREATE TABLE events (
    room BLOB NOT NULL REFERENCES rooms (id),
    -- 1, 2, 3 … per room, without gaps.
    seq INTEGER NOT NULL,
    -- When the host took it. A label; the order is seq.
    at INTEGER NOT NULL,
    by BLOB NOT NULL REFERENCES members (id),
    kind TEXT NOT NULL CHECK (kind IN ('created', 'joined', 'left', 'posted')),
    -- joined, left: who.
    member BLOB REFERENCES members (id),
    -- posted: the id given by the sender's device.
    message BLOB CHECK (length(message) = 16),
    -- posted: the text; created: the room's first name.
    body TEXT NOT NULL DEFAULT '',
    -- created: who could find it.
    visibility TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (room, seq),
    CHECK ((kind = 'posted') = (message IS NOT NULL)),
    CHECK ((kind IN ('joined', 'left')) = (member IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- A message exists once on the host, for good: a resend finds its first answer here.
CREATE UNIQUE INDEX events_message ON events (message) WHERE message IS NOT NULL;
";

/// What is asked for when events are read.
const COLUMNS: &str = "room, seq, at, by, kind, member, message, body, visibility";

/// Counted per event besides its text when a page is filled: what the frame adds around it.
const EVENT_OVERHEAD: usize = 256;

/// Appends to the log of a room that is there, and says what was appended.
pub(crate) fn append(
    conn: &Connection,
    room: RoomId,
    by: MemberId,
    change: Change,
    now: UnixMillis,
) -> Result<Event> {
    let seq = next_seq(conn, room)?;
    let (kind, member, message, body, visibility) = match &change {
        Change::Created { name, visibility } => {
            ("created", None, None, name.as_str(), visibility_name(*visibility))
        }
        Change::Joined { member } => ("joined", Some(member), None, "", ""),
        Change::Left { member } => ("left", Some(member), None, "", ""),
        Change::Posted { message, text } => ("posted", None, Some(message), text.0.as_str(), ""),
        // Only ever received by old clients; a host makes none.
        Change::Unknown => return Err(vault::rusqlite::Error::InvalidQuery),
    };
    conn.prepare_cached(&format!("INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"))?
        .execute(params![
            room.0.as_bytes(),
            i64::try_from(seq.0).unwrap_or(i64::MAX),
            now.0,
            by.0.as_bytes(),
            kind,
            member.map(|member| *member.0.as_bytes()),
            message.map(|message| *message.0.as_bytes()),
            body,
            visibility
        ])?;
    Ok(Event { room, seq, at: now, by, change })
}

/// The event that posted `message`, wherever it is.
pub(crate) fn by_message(conn: &Connection, message: MessageId) -> Result<Option<Event>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM events WHERE message = ?"))?
        .query_row([message.0.as_bytes()], read)
        .optional()
}

/// Which stretch of a log.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stretch {
    /// Those just after a number.
    After(Seq),
    /// Those just before a number.
    Before(Seq),
    /// The first ones of those between two numbers, both excluded.
    Between(Seq, Seq),
    /// The newest of those after a number.
    NewestAfter(Seq),
}

/// Events of a stretch, ascending and without gaps: at most `limit`, and no more once `budget` bytes are used up.
/// At least one, if there is one and `budget` was not zero to begin with.
pub(crate) fn page(
    conn: &Connection,
    room: RoomId,
    stretch: Stretch,
    limit: u32,
    budget: &mut usize,
) -> Result<Vec<Event>> {
    let (after, before, descending) = match stretch {
        Stretch::After(after) => (after, None, false),
        Stretch::Before(before) => (Seq::ZERO, Some(before), true),
        Stretch::Between(after, before) => (after, Some(before), false),
        Stretch::NewestAfter(after) => (after, None, true),
    };
    let order = if descending { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE room = ? AND seq > ? AND seq < ? ORDER BY seq {order} LIMIT ?"
    );
    let number = |seq: Seq| i64::try_from(seq.0).unwrap_or(i64::MAX);
    let mut statement = conn.prepare_cached(&sql)?;
    let bounds = params![room.0.as_bytes(), number(after), before.map_or(i64::MAX, number), limit];
    let mut rows = statement.query(bounds)?;
    let mut events = Vec::new();
    while *budget > 0
        && let Some(row) = rows.next()?
    {
        let event = read(row)?;
        *budget = budget.saturating_sub(weight(&event));
        events.push(event);
    }
    if descending {
        events.reverse();
    }
    Ok(events)
}

fn weight(event: &Event) -> usize {
    match &event.change {
        Change::Posted { text, .. } => text.0.len() + EVENT_OVERHEAD,
        _ => EVENT_OVERHEAD,
    }
}

fn read(row: &SqlRow<'_>) -> Result<Event> {
    let kind: String = row.get("kind")?;
    let change = match kind.as_str() {
        "created" => Change::Created { name: row.get("body")?, visibility: visibility(row, "visibility")? },
        "joined" => Change::Joined { member: MemberId(uuid(row, "member")?) },
        "left" => Change::Left { member: MemberId(uuid(row, "member")?) },
        "posted" => {
            Change::Posted { message: MessageId(uuid(row, "message")?), text: Text(row.get("body")?) }
        }
        // A row of a newer host keeps its number and shows nothing.
        _ => Change::Unknown,
    };
    Ok(Event {
        room: RoomId(uuid(row, "room")?),
        seq: Seq(whole(row.get("seq")?)),
        at: UnixMillis(row.get("at")?),
        by: MemberId(uuid(row, "by")?),
        change,
    })
}
