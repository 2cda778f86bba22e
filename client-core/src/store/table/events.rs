//! The log, as far as it is held.

use protocol::{Change, Event, MemberId, MessageId, RoomId, Seq, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::{number, stored, uuid};
use crate::sync::plan::Span;
use crate::timeline::TimelineItem;

/// Takes an event; returns whether it was new. What is held already stays as it is: a log never changes.
pub(crate) fn put(connection: &Connection, host: i64, event: &Event) -> rusqlite::Result<bool> {
    let message = match &event.change {
        Change::Posted { message, .. } => message.0.as_bytes().to_vec(),
        _ => Vec::new(),
    };
    let inserted = connection
        .prepare_cached(
            "INSERT INTO events (host, room, seq, at, by, message, change) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (host, room, seq) DO NOTHING",
        )?
        .execute(params![
            host,
            event.room.0.as_bytes().as_slice(),
            stored(event.seq),
            event.at.0,
            event.by.0.as_bytes().as_slice(),
            message,
            protocol::encode(&event.change)
        ])?;
    Ok(inserted > 0)
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
            "SELECT seq, at, by, change FROM events WHERE host = ?1 AND room = ?2 AND seq BETWEEN ?3 AND ?4
             ORDER BY seq",
        )?
        .query_map(
            params![host, room.0.as_bytes().as_slice(), stored(span.first), stored(span.last)],
            |row| event(row, room),
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
            "SELECT seq, at, by, change FROM events WHERE host = ?1 AND room = ?2 AND seq > ?3
             ORDER BY seq LIMIT ?4",
        )?
        .query_map(params![host, room.0.as_bytes().as_slice(), stored(after), limit], |row| event(row, room))?
        .collect()
}

/// The event that a message became.
pub(crate) fn of_message(
    connection: &Connection,
    host: i64,
    message: MessageId,
) -> rusqlite::Result<Option<Event>> {
    connection
        .prepare_cached(
            "SELECT seq, at, by, change, room FROM events WHERE host = ?1 AND message = ?2 AND message <> x''",
        )?
        .query_row(params![host, message.0.as_bytes().as_slice()], |row| {
            let room = RoomId(uuid(row, 4)?);
            event(row, room)
        })
        .optional()
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
