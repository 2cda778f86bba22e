//! Which stretches of each log are held.

use protocol::{RoomId, Seq};
use rusqlite::{Connection, params};

use crate::store::{number, stored};
use crate::sync::plan::{Coverage, Span};

pub(crate) fn of(connection: &Connection, host: i64, room: RoomId) -> rusqlite::Result<Coverage> {
    let spans = connection
        .prepare_cached("SELECT first, last FROM coverage WHERE host = ?1 AND room = ?2 ORDER BY first")?
        .query_map(params![host, room.0.as_bytes().as_slice()], |row| {
            Ok(Span { first: Seq(number(row, 0)?), last: Seq(number(row, 1)?) })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Coverage::of(spans))
}

/// Writes `after` where it differs from `before`: usually one row.
pub(crate) fn set(
    connection: &Connection,
    host: i64,
    room: RoomId,
    before: &Coverage,
    after: &Coverage,
) -> rusqlite::Result<()> {
    let room = room.0.as_bytes().as_slice();
    let mut remove =
        connection.prepare_cached("DELETE FROM coverage WHERE host = ?1 AND room = ?2 AND first = ?3")?;
    for gone in before.spans().iter().filter(|span| !after.spans().contains(span)) {
        remove.execute(params![host, room, stored(gone.first)])?;
    }
    let mut insert = connection
        .prepare_cached("INSERT INTO coverage (host, room, first, last) VALUES (?1, ?2, ?3, ?4)")?;
    for new in after.spans().iter().filter(|span| !before.spans().contains(span)) {
        insert.execute(params![host, room, stored(new.first), stored(new.last)])?;
    }
    Ok(())
}
