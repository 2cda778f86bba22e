//! The rooms I am in, or was.

use protocol::{Change, Room, RoomId, Seq, Visibility};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::{RoomSummary, from_word, number, stored, uuid, word};

/// Takes a room of mine as the host has just described it.
pub(crate) fn put(connection: &Connection, host: i64, room: &Room) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO rooms (host, id, name, topic, visibility, head, members, joined)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)
             ON CONFLICT (host, id) DO UPDATE
             SET name = ?3, topic = ?4, visibility = ?5, head = max(head, ?6), members = ?7, joined = 1",
        )?
        .execute(params![
            host,
            room.id.0.as_bytes().as_slice(),
            room.name,
            room.topic,
            word(&room.visibility),
            stored(room.head),
            room.members
        ])?;
    Ok(())
}

/// Takes the whole list of my rooms: others are mine no longer, their history stays.
pub(crate) fn replace(connection: &Connection, host: i64, rooms: &[Room]) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE rooms SET joined = 0 WHERE host = ?1")?.execute(params![host])?;
    rooms.iter().try_for_each(|room| put(connection, host, room))
}

pub(crate) fn leave(connection: &Connection, host: i64, room: RoomId) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached("UPDATE rooms SET joined = 0 WHERE host = ?1 AND id = ?2 AND joined = 1")?
        .execute(params![host, room.0.as_bytes().as_slice()])?;
    Ok(changed > 0)
}

/// Moves the head on to `seq` and the count of members by `members`; returns whether it moved.
pub(crate) fn advance(
    connection: &Connection,
    host: i64,
    room: RoomId,
    seq: Seq,
    members: i64,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE rooms SET head = ?3, members = max(0, members + ?4) WHERE host = ?1 AND id = ?2 AND head < ?3",
        )?
        .execute(params![host, room.0.as_bytes().as_slice(), stored(seq), members])?;
    Ok(changed > 0)
}

/// Takes what the newest event changes of the room itself.
pub(crate) fn take(
    connection: &Connection,
    host: i64,
    room: RoomId,
    change: &Change,
) -> rusqlite::Result<()> {
    let (sql, text) = match change {
        Change::Renamed { name } => ("UPDATE rooms SET name = ?3 WHERE host = ?1 AND id = ?2", name),
        Change::TopicSet { topic } => ("UPDATE rooms SET topic = ?3 WHERE host = ?1 AND id = ?2", topic),
        _ => return Ok(()),
    };
    connection.prepare_cached(sql)?.execute(params![host, room.0.as_bytes().as_slice(), text])?;
    Ok(())
}

/// Mine, by name.
pub(crate) fn list(connection: &Connection, host: i64) -> rusqlite::Result<Vec<RoomSummary>> {
    connection
        .prepare_cached(
            "SELECT rooms.id, name, topic, visibility, rooms.head, members, mark, attention, unread, mentions
             FROM rooms LEFT JOIN progress ON progress.host = rooms.host AND progress.room = rooms.id
             WHERE rooms.host = ?1 AND joined = 1 ORDER BY name COLLATE NOCASE, rooms.id",
        )?
        .query_map(params![host], summary)?
        .collect()
}

/// One, mine or left.
pub(crate) fn find(
    connection: &Connection,
    host: i64,
    room: RoomId,
) -> rusqlite::Result<Option<RoomSummary>> {
    connection
        .prepare_cached(
            "SELECT rooms.id, name, topic, visibility, rooms.head, members, mark, attention, unread, mentions
             FROM rooms LEFT JOIN progress ON progress.host = rooms.host AND progress.room = rooms.id
             WHERE rooms.host = ?1 AND rooms.id = ?2",
        )?
        .query_row(params![host, room.0.as_bytes().as_slice()], summary)
        .optional()
}

/// Mine with events that are not held up to their head.
pub(crate) fn behind(connection: &Connection, host: i64) -> rusqlite::Result<Vec<RoomId>> {
    connection
        .prepare_cached(
            "SELECT id FROM rooms WHERE host = ?1 AND joined = 1 AND head > coalesce(
                 (SELECT max(last) FROM coverage WHERE coverage.host = rooms.host AND coverage.room = rooms.id), 0)",
        )?
        .query_map(params![host], |row| Ok(RoomId(uuid(row, 0)?)))?
        .collect()
}

fn summary(row: &Row<'_>) -> rusqlite::Result<RoomSummary> {
    Ok(RoomSummary {
        id: RoomId(uuid(row, 0)?),
        name: row.get(1)?,
        topic: row.get(2)?,
        visibility: from_word(row.get(3)?).unwrap_or(Visibility::Private),
        head: Seq(number(row, 4)?),
        members: row.get(5)?,
        mark: Seq(row
            .get::<_, Option<i64>>(6)?
            .and_then(|mark| u64::try_from(mark).ok())
            .unwrap_or_default()),
        attention: row.get::<_, Option<String>>(7)?.and_then(from_word).unwrap_or_default(),
        unread: row.get::<_, Option<u32>>(8)?.unwrap_or_default(),
        mentions: row.get::<_, Option<u32>>(9)?.unwrap_or_default(),
    })
}
