//! Rooms, and the number of each one's newest event.

use protocol::{MemberId, Room, RoomId, Seq, UnixMillis, Visibility};
use vault::rusqlite::types::Type;
use vault::rusqlite::{self, Connection, OptionalExtension, Result, Row as SqlRow, params};

use crate::names::fold;
use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- Rooms.
CREATE TABLE rooms (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    topic TEXT NOT NULL DEFAULT '',
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'private', 'direct')),
    -- Whether every new account comes in by itself.
    for_everyone INTEGER NOT NULL DEFAULT 0 CHECK (for_everyone IN (0, 1)),
    -- The number of its newest event.
    head INTEGER NOT NULL DEFAULT 0,
    -- How many messages were posted in it.
    posted INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Those that anyone may find are told apart by their names.
CREATE UNIQUE INDEX rooms_public_name ON rooms (folded) WHERE visibility = 'public';
";

/// What is asked for when a room is listed.
const COLUMNS: &str = "rooms.id, rooms.name, rooms.topic, rooms.visibility, rooms.head,
    (SELECT count(*) FROM memberships AS others WHERE others.room = rooms.id) AS members";

/// A room to be.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) id: RoomId,
    pub(crate) name: String,
    pub(crate) topic: String,
    pub(crate) visibility: Visibility,
    pub(crate) for_everyone: bool,
}

pub(crate) fn insert(conn: &Connection, room: &New, now: UnixMillis) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO rooms (id, name, folded, topic, visibility, for_everyone, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        room.id.0.as_bytes(),
        room.name,
        fold(&room.name),
        room.topic,
        visibility_name(room.visibility),
        room.for_everyone,
        now.0
    ])?;
    Ok(())
}

pub(crate) fn by_id(conn: &Connection, id: RoomId) -> Result<Option<Room>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM rooms WHERE id = ?"))?
        .query_row([id.0.as_bytes()], read)
        .optional()
}

/// Who can find the room, and whether `member` is in it.
pub(crate) fn standing(
    conn: &Connection,
    id: RoomId,
    member: MemberId,
) -> Result<Option<(Visibility, bool)>> {
    conn.prepare_cached(
        "SELECT visibility, EXISTS (SELECT 1 FROM memberships WHERE room = id AND member = ?2) AS inside
         FROM rooms WHERE id = ?1",
    )?
    .query_row(params![id.0.as_bytes(), member.0.as_bytes()], |row| {
        Ok((visibility(row, "visibility")?, row.get("inside")?))
    })
    .optional()
}

/// The rooms `member` is in, by name.
pub(crate) fn of_member(conn: &Connection, member: MemberId, limit: u32) -> Result<Vec<Room>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM memberships JOIN rooms ON rooms.id = memberships.room
         WHERE memberships.member = ? ORDER BY rooms.folded, rooms.id LIMIT ?"
    ))?
    .query_map(params![member.0.as_bytes(), limit], read)?
    .collect()
}

/// The public rooms `member` is not in, by name.
pub(crate) fn directory(conn: &Connection, member: MemberId, limit: u32) -> Result<Vec<Room>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM rooms WHERE visibility = 'public'
         AND NOT EXISTS (SELECT 1 FROM memberships WHERE room = rooms.id AND member = ?)
         ORDER BY folded, id LIMIT ?"
    ))?
    .query_map(params![member.0.as_bytes(), limit], read)?
    .collect()
}

/// All rooms, by id.
pub(crate) fn all(conn: &Connection) -> Result<Vec<Room>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM rooms ORDER BY id"))?.query_map([], read)?.collect()
}

/// Those every new account comes into.
pub(crate) fn for_everyone(conn: &Connection) -> Result<Vec<RoomId>> {
    conn.prepare_cached("SELECT id FROM rooms WHERE for_everyone = 1 ORDER BY created_at, id")?
        .query_map([], |row| Ok(RoomId(uuid(row, 0)?)))?
        .collect()
}

/// The number of the newest event, `None` if there is no such room.
pub(crate) fn head(conn: &Connection, id: RoomId) -> Result<Option<Seq>> {
    conn.prepare_cached("SELECT head FROM rooms WHERE id = ?")?
        .query_row([id.0.as_bytes()], |row| Ok(Seq(whole(row.get(0)?))))
        .optional()
}

/// Takes the next number of a room that is there, and counts its messages, the one that is being posted included.
pub(crate) fn next_seq(conn: &Connection, id: RoomId, posting: bool) -> Result<(Seq, u64)> {
    conn.prepare_cached(
        "UPDATE rooms SET head = head + 1, posted = posted + ?2 WHERE id = ?1 RETURNING head, posted",
    )?
    .query_row(params![id.0.as_bytes(), posting], |row| Ok((Seq(whole(row.get(0)?)), whole(row.get(1)?))))
}

fn read(row: &SqlRow<'_>) -> Result<Room> {
    Ok(Room {
        id: RoomId(uuid(row, "id")?),
        name: row.get("name")?,
        topic: row.get("topic")?,
        visibility: visibility(row, "visibility")?,
        head: Seq(whole(row.get("head")?)),
        members: u32::try_from(whole(row.get("members")?)).unwrap_or(u32::MAX),
    })
}

pub(crate) fn visibility_name(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Private => "private",
        Visibility::Direct => "direct",
    }
}

pub(crate) fn visibility(row: &SqlRow<'_>, column: &str) -> Result<Visibility> {
    let name: String = row.get(column)?;
    match name.as_str() {
        "public" => Ok(Visibility::Public),
        "private" => Ok(Visibility::Private),
        "direct" => Ok(Visibility::Direct),
        _ => Err(rusqlite::Error::InvalidColumnType(0, column.to_owned(), Type::Text)),
    }
}
