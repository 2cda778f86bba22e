//! How far I am in my rooms, and what waits there: the host's count, moved on by what came since.

use protocol::{Progress, RoomId, Seq};
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{from_word, number, stored, word};

/// Takes what the host has counted, or what it has become.
pub(crate) fn put(connection: &Connection, host: i64, progress: &Progress) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO progress (host, room, mark, marked, attention, unread, mentions, head)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (host, room) DO UPDATE
             SET mark = ?3, marked = ?4, attention = ?5, unread = ?6, mentions = ?7, head = ?8",
        )?
        .execute(params![
            host,
            progress.room.0.as_bytes().as_slice(),
            stored(progress.mark),
            stored(Seq(progress.marked)),
            word(&progress.attention),
            progress.unread,
            progress.mentions,
            stored(progress.head)
        ])?;
    Ok(())
}

/// What is known of one room.
pub(crate) fn of_room(
    connection: &Connection,
    host: i64,
    room: RoomId,
) -> rusqlite::Result<Option<Progress>> {
    connection
        .prepare_cached(
            "SELECT mark, marked, attention, unread, mentions, head FROM progress WHERE host = ?1 AND room = ?2",
        )?
        .query_row(params![host, room.0.as_bytes().as_slice()], |row| {
            Ok(Progress {
                room,
                mark: Seq(number(row, 0)?),
                marked: number(row, 1)?,
                attention: from_word(row.get(2)?).unwrap_or_default(),
                unread: row.get(3)?,
                mentions: row.get(4)?,
                head: Seq(number(row, 5)?),
            })
        })
        .optional()
}
