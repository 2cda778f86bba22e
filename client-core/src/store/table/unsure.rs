//! Rooms in which messages that are held here may have become something else, because no sync has told yet: one is under
//! way, or the hole it left has changed more of them than it could say.
//!
//! The number from which on that is so is where the next sync of the room begins, whatever newer events are held.

use protocol::{Cursor, RoomId, Seq};
use rusqlite::{Connection, params};

use super::{coverage, rooms};
use crate::store::{number, stored};

/// Puts down that all of my rooms are about to be asked for, and says from where on.
pub(crate) fn ask(connection: &Connection, host: i64) -> rusqlite::Result<Vec<Cursor>> {
    let mine = rooms::list(connection, host)?.into_iter();
    mine.map(|room| from(connection, host, room.id)).collect()
}

fn from(connection: &Connection, host: i64, room: RoomId) -> rusqlite::Result<Cursor> {
    let id = room.0.as_bytes().as_slice();
    let newest = coverage::of(connection, host, room)?.newest();
    connection
        .prepare_cached("INSERT INTO unsure (host, room, after) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![host, id, stored(newest)])?;
    let after = connection
        .prepare_cached("SELECT after FROM unsure WHERE host = ?1 AND room = ?2")?
        .query_row(params![host, id], |row| number(row, 0))?;
    Ok(Cursor { room, after: Seq(after) })
}

/// What is held of a room is what the host told.
pub(crate) fn settle(connection: &Connection, host: i64, room: RoomId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM unsure WHERE host = ?1 AND room = ?2")?
        .execute(params![host, room.0.as_bytes().as_slice()])?;
    Ok(())
}
