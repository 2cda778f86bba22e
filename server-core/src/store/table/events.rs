//! The log of every room: added to, numbered without gaps. What a message said is the one thing that changes in it:
//! an edit takes its place, a deletion takes it away.

use protocol::{Change, Event, MemberId, MessageId, RoomId, Seq, UnixMillis};
use vault::rusqlite::{self, Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::rooms::next_seq;
use super::{marks, messages, words};
use crate::store::kept::{Kept, text};
use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- The log of every room.
CREATE TABLE events (
    room BLOB NOT NULL REFERENCES rooms (id),
    -- 1, 2, 3 … per room, without gaps.
    seq INTEGER NOT NULL,
    -- When the host took it. A label; the order is seq.
    at INTEGER NOT NULL,
    by BLOB NOT NULL REFERENCES members (id),
    -- The message it changes, if it changes one.
    target BLOB CHECK (length(target) = 16),
    -- What was done: the protocol's change as JSON. A message stands here with its newest text, an edit without its
    -- text once another one took its place; what hangs on a message (reactions, pins, thread) is kept beside it.
    change TEXT NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
";

/// What is asked for when events are read.
pub(crate) const COLUMNS: &str = "events.room, events.seq, events.at, events.by, events.change";

/// Counted per event besides its texts and lists when a page is filled: what the frame adds around it.
const EVENT_OVERHEAD: usize = 256;

/// What one id takes in a frame.
const ID_BYTES: usize = 40;

/// Appends to the log of a room that is there, and says what was appended.
pub(crate) fn append(
    conn: &Connection,
    room: RoomId,
    by: MemberId,
    mut change: Change,
    now: UnixMillis,
) -> Result<Event> {
    if change == Change::Unknown {
        // Only ever received by old clients; a host makes none.
        return Err(rusqlite::Error::InvalidQuery);
    }
    let (seq, n) = next_seq(conn, room, matches!(change, Change::Posted(_)))?;
    let mut row = None;
    if let Change::Posted(posted) = &mut change {
        posted.n = n;
        row = Some(messages::insert(conn, (room, seq), by, posted, now)?);
    }
    if let Change::Joined { member } = &change {
        // Who comes in has nothing to catch up with.
        marks::set(conn, *member, room, (seq, n))?;
    }
    conn.prepare_cached("INSERT INTO events (room, seq, at, by, target, change) VALUES (?, ?, ?, ?, ?, ?)")?
        .execute(params![
            room.0.as_bytes(),
            number(seq),
            now.0,
            by.0.as_bytes(),
            change.target().map(|message| *message.0.as_bytes()),
            json(&change)
        ])?;
    if let Some(row) = row {
        words::add(conn, row)?;
    }
    Ok(Event { room, seq, at: now, by, change })
}

/// The event that posted `message`, wherever it is, as the message stands now.
pub(crate) fn by_message(conn: &Connection, message: MessageId) -> Result<Option<Event>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM messages JOIN events ON events.room = messages.room AND events.seq = messages.seq
         WHERE messages.id = ?"
    );
    let found = conn.prepare_cached(&sql)?.query_row([message.0.as_bytes()], read).optional()?;
    found.map(|event| standing(conn, event)).transpose()
}

/// Replaces what an event says of a text.
pub(crate) fn rewrite(conn: &Connection, room: RoomId, seq: Seq, change: &Change) -> Result<()> {
    conn.prepare_cached("UPDATE events SET change = ? WHERE room = ? AND seq = ?")?.execute(params![
        json(change),
        room.0.as_bytes(),
        number(seq)
    ])?;
    Ok(())
}

/// One event as it was stored.
pub(crate) fn stored(conn: &Connection, room: RoomId, seq: Seq) -> Result<Option<Event>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM events WHERE room = ? AND seq = ?"))?
        .query_row(params![room.0.as_bytes(), number(seq)], read)
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
    /// The newest of those between two numbers, both excluded.
    NewestBetween(Seq, Seq),
}

impl Stretch {
    /// What of it lies above `floor`.
    pub(crate) fn above(self, floor: Seq) -> Self {
        match self {
            Self::After(after) => Self::After(after.max(floor)),
            Self::NewestAfter(after) => Self::NewestAfter(after.max(floor)),
            Self::Between(after, before) => Self::Between(after.max(floor), before),
            Self::NewestBetween(after, before) => Self::NewestBetween(after.max(floor), before),
            Self::Before(before) if floor == Seq::ZERO => Self::Before(before),
            Self::Before(before) => Self::NewestBetween(floor, before),
        }
    }
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
        Stretch::NewestBetween(after, before) => (after, Some(before), true),
    };
    let order = if descending { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE room = ? AND seq > ? AND seq < ? ORDER BY seq {order} LIMIT ?"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let bounds = params![room.0.as_bytes(), number(after), before.map_or(i64::MAX, number), limit];
    let mut events = fill(conn, statement.query(bounds)?, budget)?;
    if descending {
        events.reverse();
    }
    Ok(events)
}

/// So many events before a page are looked through for what they changed.
const CHANGES_LOOKED_AT: u64 = if cfg!(test) { 20 } else { 20_000 };

/// The messages after `floor` and up to `after` that were changed between `after` and `first`, as they stand now: at most
/// `limit`, and no more once `budget` bytes are used up. And whether there are more.
pub(crate) fn changed(
    conn: &Connection,
    room: RoomId,
    (floor, after): (Seq, Seq),
    first: Seq,
    limit: u32,
    budget: &mut usize,
) -> Result<(Vec<Event>, bool)> {
    let sql = format!(
        "SELECT {COLUMNS} FROM (
             SELECT target, max(seq) AS newest FROM events
             WHERE room = ?1 AND seq > ?5 AND seq < ?3 AND target IS NOT NULL GROUP BY target
         ) AS touched
         JOIN messages ON messages.id = touched.target
         JOIN events ON events.room = messages.room AND events.seq = messages.seq
         WHERE messages.room = ?1 AND messages.seq <= ?2 AND messages.seq > ?4 ORDER BY touched.newest DESC"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    // Only the newest part of a long time is looked through: the log itself brings the rest.
    let since = after.max(Seq(first.0.saturating_sub(CHANGES_LOOKED_AT)));
    let bounds = params![room.0.as_bytes(), number(after), number(first), number(floor), number(since)];
    let (mut events, mut rows, mut more) = (Vec::new(), statement.query(bounds)?, since > after);
    while let Some(row) = rows.next()? {
        if *budget == 0 || events.len() >= limit as usize {
            more = true;
            break;
        }
        let event = standing(conn, read(row)?)?;
        *budget = budget.saturating_sub(weight(&event));
        events.push(event);
    }
    events.sort_by_key(|event| event.seq);
    Ok((events, more))
}

/// The messages deleted after a number.
pub(crate) fn deleted_after(conn: &Connection, room: RoomId, after: Seq) -> Result<Vec<MessageId>> {
    conn.prepare_cached(
        "SELECT target FROM events
         WHERE room = ? AND seq > ? AND target IS NOT NULL AND change ->> 'kind' = 'deleted'",
    )?
    .query_map(params![room.0.as_bytes(), number(after)], |row| Ok(MessageId(uuid(row, "target")?)))?
    .kept()
}

/// Reads events as their messages stand now, until `budget` bytes are used up.
pub(crate) fn fill(
    conn: &Connection,
    mut rows: rusqlite::Rows<'_>,
    budget: &mut usize,
) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    while *budget > 0
        && let Some(row) = rows.next()?
    {
        let event = standing(conn, read(row)?)?;
        *budget = budget.saturating_sub(weight(&event));
        events.push(event);
    }
    Ok(events)
}

/// The first number whose event is not older than `at`: the log is in the order of the clock but for its jumps, so
/// this halves its way. The number after the newest if all are older.
pub(crate) fn seq_at(conn: &Connection, room: RoomId, head: Seq, at: UnixMillis) -> Result<Seq> {
    let mut statement = conn.prepare_cached("SELECT at FROM events WHERE room = ? AND seq = ?")?;
    let (mut low, mut high) = (1, head.0 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let told: i64 =
            statement.query_row(params![room.0.as_bytes(), number(Seq(middle))], |row| row.get(0))?;
        if told < at.0 { low = middle + 1 } else { high = middle }
    }
    Ok(Seq(low))
}

fn standing(conn: &Connection, mut event: Event) -> Result<Event> {
    if let Change::Posted(posted) = &mut event.change {
        if !posted.deleted {
            messages::stand(conn, (event.room, event.seq), posted)?;
        }
        // A message in a thread has none of its own.
        if posted.thread.is_none() {
            messages::stand_with_thread(conn, (event.room, event.seq), posted)?;
        }
    }
    Ok(event)
}

fn weight(event: &Event) -> usize {
    let said = match &event.change {
        Change::Posted(posted) => {
            let reactions =
                posted.reactions.iter().map(|reaction| reaction.emoji.len() + reaction.by.len() * ID_BYTES);
            posted.text.0.len() + posted.mentions.len() * ID_BYTES + reactions.sum::<usize>()
        }
        Change::Edited(edited) => {
            edited.text.as_ref().map_or(0, |text| text.0.len()) + edited.mentions.len() * ID_BYTES
        }
        _ => 0,
    };
    said + EVENT_OVERHEAD
}

pub(crate) fn read(row: &SqlRow<'_>) -> Result<Event> {
    let change = text(row, "change")?;
    Ok(Event {
        room: RoomId(uuid(row, "room")?),
        seq: Seq(whole(row.get("seq")?)),
        at: UnixMillis(row.get("at")?),
        // Nobody has this id.
        by: MemberId(uuid(row, "by").unwrap_or_default()),
        // A damaged row, or one of a newer host, keeps its number and shows nothing.
        change: serde_json::from_str(&change).unwrap_or(Change::Unknown),
    })
}

pub(crate) fn number(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

fn json(change: &Change) -> String {
    protocol::encode(change)
}

/// For tests that judge a log after its room was deleted: from now on the writer keeps what goes with it.
#[cfg(test)]
pub(crate) fn keep_deleted(conn: &Connection) -> Result<()> {
    conn.execute_batch(
        "CREATE TEMP TABLE deleted_events (room BLOB, seq INTEGER, at INTEGER, by BLOB, change TEXT);
         CREATE TEMP TRIGGER keep_deleted_events AFTER DELETE ON main.events BEGIN
             INSERT INTO deleted_events VALUES (old.room, old.seq, old.at, old.by, old.change);
         END;",
    )
}

/// The log of a room that was deleted since [`keep_deleted`], as its events were stored then.
#[cfg(test)]
pub(crate) fn deleted(conn: &Connection, room: RoomId) -> Result<Vec<Event>> {
    conn.prepare("SELECT room, seq, at, by, change FROM temp.deleted_events WHERE room = ? ORDER BY seq")?
        .query_map([room.0.as_bytes()], read)?
        .collect()
}
