//! The log, as far as it is held.

use protocol::{Change, Event, MemberId, MessageId, Posted, RoomId, Seq, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::{number, stored, uuid};
use crate::sync::plan::Span;
use crate::timeline::TimelineItem;

/// What taking an event came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It was not held.
    New,
    /// It was held, and now stands differently.
    Changed,
    /// Nothing that was not known.
    Held,
}

/// Takes an event as it stood at the number `as_of`. Only a message ever stands differently later.
pub(crate) fn put(connection: &Connection, host: i64, event: &Event, as_of: Seq) -> rusqlite::Result<Put> {
    let held = connection
        .prepare_cached("SELECT as_of, change FROM events WHERE host = ?1 AND room = ?2 AND seq = ?3")?
        .query_row(params![host, event.room.0.as_bytes().as_slice(), stored(event.seq)], |row| {
            Ok((number(row, 0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    let change = protocol::encode(&event.change);
    match held {
        Some((known, _)) if known >= as_of.0 => return Ok(Put::Held),
        Some((_, old)) => {
            write(connection, host, (event.room, event.seq), as_of, &change)?;
            return Ok(if old == change { Put::Held } else { Put::Changed });
        }
        None => {}
    }
    let message = match &event.change {
        Change::Posted(posted) => posted.message.0.as_bytes().to_vec(),
        _ => Vec::new(),
    };
    let target = event.change.target().map_or_else(Vec::new, |message| message.0.as_bytes().to_vec());
    connection
        .prepare_cached(
            "INSERT INTO events (host, room, seq, at, by, message, target, as_of, change)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            host,
            event.room.0.as_bytes().as_slice(),
            stored(event.seq),
            event.at.0,
            event.by.0.as_bytes().as_slice(),
            message,
            target,
            stored(as_of),
            change
        ])?;
    Ok(Put::New)
}

/// Takes the text of a message away from wherever it is held.
pub(crate) fn forget_text(connection: &Connection, host: i64, message: MessageId) -> rusqlite::Result<()> {
    if let Some((event, as_of)) = as_stored(connection, host, message)?
        && let Change::Posted(mut posted) = event.change
    {
        posted.delete();
        let change = protocol::encode(&Change::Posted(posted));
        write(connection, host, (event.room, event.seq), as_of, &change)?;
    }
    for Event { room, seq, change, .. } in changes(connection, host, message, Seq::ZERO)? {
        if let Change::Edited(mut edited) = change {
            edited.text = None;
            let change = protocol::encode(&Change::Edited(edited));
            write(connection, host, (room, seq), seq, &change)?;
        }
    }
    Ok(())
}

fn write(
    connection: &Connection,
    host: i64,
    (room, seq): (RoomId, Seq),
    as_of: Seq,
    change: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE events SET change = ?4, as_of = ?5 WHERE host = ?1 AND room = ?2 AND seq = ?3",
        )?
        .execute(params![host, room.0.as_bytes().as_slice(), stored(seq), change, stored(as_of)])?;
    Ok(())
}

/// What is held of the changes of a message after the number `after`, in their order.
fn changes(
    connection: &Connection,
    host: i64,
    message: MessageId,
    after: Seq,
) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached(
            "SELECT seq, at, by, change, room FROM events
             WHERE host = ?1 AND target = ?2 AND target <> x'' AND seq > ?3 ORDER BY seq",
        )?
        .query_map(params![host, message.0.as_bytes().as_slice(), stored(after)], |row| {
            let room = RoomId(uuid(row, 4)?);
            event(row, room)
        })?
        .collect()
}

/// What is held within `span`, ascending.
pub(crate) fn within(
    connection: &Connection,
    host: i64,
    room: RoomId,
    span: Span,
) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached(
            "SELECT seq, at, by, change, as_of FROM events WHERE host = ?1 AND room = ?2 AND seq BETWEEN ?3 AND ?4
             ORDER BY seq",
        )?
        .query_map(
            params![host, room.0.as_bytes().as_slice(), stored(span.first), stored(span.last)],
            |row| standing(connection, host, event(row, room)?, Seq(number(row, 4)?)),
        )?
        .collect()
}

/// The first `limit` held after `after`, ascending, holes or not.
pub(crate) fn following(
    connection: &Connection,
    host: i64,
    room: RoomId,
    after: Seq,
    limit: u32,
) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached(
            "SELECT seq, at, by, change, as_of FROM events WHERE host = ?1 AND room = ?2 AND seq > ?3
             ORDER BY seq LIMIT ?4",
        )?
        .query_map(params![host, room.0.as_bytes().as_slice(), stored(after), limit], |row| {
            standing(connection, host, event(row, room)?, Seq(number(row, 4)?))
        })?
        .collect()
}

/// The event that a message became, as the message stands now.
pub(crate) fn of_message(
    connection: &Connection,
    host: i64,
    message: MessageId,
) -> rusqlite::Result<Option<Event>> {
    let found = as_stored(connection, host, message)?;
    found.map(|(event, as_of)| standing(connection, host, event, as_of)).transpose()
}

fn as_stored(
    connection: &Connection,
    host: i64,
    message: MessageId,
) -> rusqlite::Result<Option<(Event, Seq)>> {
    connection
        .prepare_cached(
            "SELECT seq, at, by, change, room, as_of FROM events
             WHERE host = ?1 AND message = ?2 AND message <> x''",
        )?
        .query_row(params![host, message.0.as_bytes().as_slice()], |row| {
            let room = RoomId(uuid(row, 4)?);
            Ok((event(row, room)?, Seq(number(row, 5)?)))
        })
        .optional()
}

/// Adds to a message what has become of it since.
fn standing(connection: &Connection, host: i64, mut event: Event, as_of: Seq) -> rusqlite::Result<Event> {
    if let Change::Posted(posted) = &mut event.change {
        let Event { room, .. } = event;
        fold(connection, host, room, posted, as_of)?;
    }
    Ok(event)
}

fn fold(
    connection: &Connection,
    host: i64,
    room: RoomId,
    posted: &mut Posted,
    as_of: Seq,
) -> rusqlite::Result<()> {
    for later in changes(connection, host, posted.message, as_of)? {
        if later.room == room {
            posted.take(later.seq, later.by, &later.change);
        }
    }
    Ok(())
}

/// An event as a line, with the name of whoever did it as far as it is known.
pub(crate) fn line(connection: &Connection, host: i64, event: Event) -> rusqlite::Result<TimelineItem> {
    let mut item = TimelineItem::of_event(event, String::new());
    item.by_name = super::members::name(connection, host, item.by)?.unwrap_or_default();
    Ok(item)
}

fn event(row: &Row<'_>, room: RoomId) -> rusqlite::Result<Event> {
    Ok(Event {
        room,
        seq: Seq(number(row, 0)?),
        at: UnixMillis(row.get(1)?),
        by: MemberId(uuid(row, 2)?),
        change: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or(Change::Unknown),
    })
}
