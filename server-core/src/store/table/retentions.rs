//! For how long rooms keep what is said in them; those without a row keep it for good.

use protocol::{MessageId, RoomId, UnixMillis};
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

use crate::store::kept::Kept;
use crate::store::uuid;

pub(crate) const SCHEMA: &str = "
-- For how long rooms keep what is said in them; those without a row keep it for good.
CREATE TABLE retentions (
    room BLOB NOT NULL PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    days INTEGER NOT NULL CHECK (days > 0)
) STRICT, WITHOUT ROWID;
";

/// A day in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

fn set(conn: &Connection, room: RoomId, days: u32) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO retentions (room, days) VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET days = ?2",
    )?
    .execute(params![room.0.as_bytes(), days])?;
    Ok(())
}

fn remove(conn: &Connection, room: RoomId) -> Result<()> {
    conn.prepare_cached("DELETE FROM retentions WHERE room = ?")?.execute([room.0.as_bytes()])?;
    Ok(())
}

/// For how many days a room keeps what is said in it; none for good.
pub(crate) fn of_room(conn: &Connection, room: RoomId) -> Result<Option<u32>> {
    conn.prepare_cached("SELECT days FROM retentions WHERE room = ?")?
        .query_row([room.0.as_bytes()], |row| row.get(0))
        .optional()
}

/// Makes, changes or ends a room's rule.
pub(crate) fn put(conn: &Connection, room: RoomId, days: Option<u32>) -> Result<()> {
    match days {
        Some(days) => set(conn, room, days),
        None => remove(conn, room),
    }
}

/// All rules, by room.
pub(crate) fn all(conn: &Connection) -> Result<Vec<(RoomId, u32)>> {
    conn.prepare_cached("SELECT room, days FROM retentions ORDER BY room")?
        .query_map([], |row| Ok((RoomId(uuid(row, "room")?), row.get("days")?)))?
        .kept()
}

/// Whether a message is past its time by the rule that holds now.
pub(crate) fn is_overdue(conn: &Connection, message: MessageId, now: UnixMillis) -> Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM messages JOIN retentions ON retentions.room = messages.room
         WHERE messages.id = ?1 AND messages.deleted = 0 AND messages.at < ?2 - retentions.days * ?3",
    )?
    .exists(params![message.0.as_bytes(), now.0, DAY])
}

/// Messages past their time whose rows come after `after`, the oldest first, and the row of the last of them.
pub(crate) fn overdue(
    conn: &Connection,
    now: UnixMillis,
    after: i64,
    limit: u32,
) -> Result<(Vec<MessageId>, Option<i64>)> {
    // Without a rule there is nothing to find, and looking would read every message there is.
    if !conn.prepare_cached("SELECT 1 FROM retentions LIMIT 1")?.exists([])? {
        return Ok((Vec::new(), None));
    }
    let mut statement = conn.prepare_cached(
        "SELECT messages.id AS id, messages.n AS n FROM messages JOIN retentions ON messages.room = retentions.room
         WHERE messages.n > ?4 AND messages.deleted = 0 AND messages.at < ?1 - retentions.days * ?2
         ORDER BY messages.n LIMIT ?3",
    )?;
    let mut last = None;
    let found = statement.query_map(params![now.0, DAY, limit, after], |row| {
        last = Some(row.get("n")?);
        Ok(MessageId(uuid(row, "id")?))
    })?;
    let found = found.kept()?;
    Ok((found, last))
}
