//! What is still to be delivered, in its order.

use protocol::{ErrorCode, MessageId, RoomId, Text, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::outbox::item::{Refusal, Unsent};
use crate::store::{from_word, number, uuid, word};

const COLUMNS: &str = "room, message, text, queued_at, failed_code, failed_message";

pub(crate) fn put(connection: &Connection, host: i64, unsent: &Unsent) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO outbox (host, room, message, text, queued_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            host,
            unsent.room.0.as_bytes().as_slice(),
            unsent.message.0.as_bytes().as_slice(),
            unsent.text.0,
            unsent.queued_at.0
        ])?;
    Ok(())
}

pub(crate) fn count(connection: &Connection, host: i64) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM outbox WHERE host = ?1")?
        .query_row(params![host], |row| number(row, 0))
}

/// The first that waits in each room: the only ones that may be under way. Goes from room to room by the index instead of
/// through every row, as it runs after each acknowledgement.
pub(crate) fn heads(connection: &Connection, host: i64) -> rusqlite::Result<Vec<Unsent>> {
    connection
        .prepare_cached(&format!(
            "WITH RECURSIVE waiting (id) AS (
                 SELECT min(room) FROM outbox WHERE host = ?1
                 UNION ALL
                 SELECT (SELECT min(room) FROM outbox WHERE host = ?1 AND room > id) FROM waiting WHERE id IS NOT NULL
             )
             SELECT {COLUMNS} FROM outbox WHERE position IN (
                 SELECT (SELECT position FROM outbox WHERE host = ?1 AND room = id AND failed_code = ''
                         ORDER BY position LIMIT 1)
                 FROM waiting WHERE id IS NOT NULL)
             ORDER BY position"
        ))?
        .query_map(params![host], unsent)?
        .collect()
}

/// The one that follows `message` in its room, while that one is still here.
pub(crate) fn next_of(
    connection: &Connection,
    host: i64,
    room: RoomId,
    message: MessageId,
) -> rusqlite::Result<Option<Unsent>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM outbox WHERE host = ?1 AND room = ?2 AND failed_code = ''
             AND position > (SELECT position FROM outbox WHERE host = ?1 AND message = ?3)
             ORDER BY position LIMIT 1"
        ))?
        .query_row(params![host, room.0.as_bytes().as_slice(), message.0.as_bytes().as_slice()], unsent)
        .optional()
}

/// All of one room, refused ones included, in their order.
pub(crate) fn of_room(connection: &Connection, host: i64, room: RoomId) -> rusqlite::Result<Vec<Unsent>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM outbox WHERE host = ?1 AND room = ?2 ORDER BY position"
        ))?
        .query_map(params![host, room.0.as_bytes().as_slice()], unsent)?
        .collect()
}

pub(crate) fn find(
    connection: &Connection,
    host: i64,
    message: MessageId,
) -> rusqlite::Result<Option<Unsent>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE host = ?1 AND message = ?2"))?
        .query_row(params![host, message.0.as_bytes().as_slice()], unsent)
        .optional()
}

pub(crate) fn remove(connection: &Connection, host: i64, message: MessageId) -> rusqlite::Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM outbox WHERE host = ?1 AND message = ?2")?
        .execute(params![host, message.0.as_bytes().as_slice()])?;
    Ok(removed > 0)
}

/// Notes a refusal for good, or with `None` takes it back for another try.
pub(crate) fn mark(
    connection: &Connection,
    host: i64,
    message: MessageId,
    refusal: Option<&Refusal>,
) -> rusqlite::Result<()> {
    let (code, text) =
        refusal.map_or_else(Default::default, |refusal| (word(&refusal.code), refusal.message.clone()));
    connection
        .prepare_cached(
            "UPDATE outbox SET failed_code = ?3, failed_message = ?4 WHERE host = ?1 AND message = ?2",
        )?
        .execute(params![host, message.0.as_bytes().as_slice(), code, text])?;
    Ok(())
}

fn unsent(row: &Row<'_>) -> rusqlite::Result<Unsent> {
    let code: String = row.get(4)?;
    Ok(Unsent {
        room: RoomId(uuid(row, 0)?),
        message: MessageId(uuid(row, 1)?),
        text: Text(row.get(2)?),
        queued_at: UnixMillis(row.get(3)?),
        refusal: if code.is_empty() {
            None
        } else {
            let code = from_word(code).unwrap_or(ErrorCode::Unknown);
            Some(Refusal { code, message: row.get(5)? })
        },
    })
}
