//! Rooms, and the number of each one's newest event.

use protocol::{MemberId, Reading, Room, RoomId, RoomRole, Seq, UnixMillis, Visibility};
use vault::rusqlite::types::Value;
use vault::rusqlite::{Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::{avatars, memberships, messages};
use crate::names::{FORMER, fold};
use crate::store::kept::{Kept, avatar, text, visibility};
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
    -- How many members it has; the triggers on memberships keep it.
    members INTEGER NOT NULL DEFAULT 0,
    -- Whether those who come in may read the log from the start, or from their own coming in on.
    reading TEXT NOT NULL DEFAULT 'start' CHECK (reading IN ('start', 'join')),
    -- Whether it can only be read.
    archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    -- Direct only: SHA-256 of the sorted ids of those it is between, so that the same few have one room.
    direct_key BLOB UNIQUE CHECK (length(direct_key) = 32),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Those that anyone may find are told apart by their names.
CREATE UNIQUE INDEX rooms_public_name ON rooms (folded) WHERE visibility = 'public';
";

/// What is asked for when a room is listed; `?1` is who it is shown to.
const COLUMNS: &str = "rooms.id, rooms.name, rooms.topic, rooms.visibility, rooms.head, rooms.reading, rooms.archived,
    rooms.members, (SELECT avatar FROM room_avatars WHERE room_avatars.room = rooms.id) AS avatar,
    coalesce((SELECT role FROM memberships AS own WHERE own.room = rooms.id AND own.member = ?1), 'member') AS role";

/// A room to be.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) id: RoomId,
    pub(crate) name: String,
    pub(crate) topic: String,
    pub(crate) visibility: Visibility,
    pub(crate) for_everyone: bool,
    pub(crate) reading: Reading,
    /// Direct only: the digest of those it is between.
    pub(crate) between: Option<[u8; 32]>,
}

/// How a room and one member stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) visibility: Visibility,
    pub(crate) archived: bool,
    /// What the member may do in it; `None` if they are not in it.
    pub(crate) role: Option<RoomRole>,
}

pub(crate) fn insert(conn: &Connection, room: &New, now: UnixMillis) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO rooms (id, name, folded, topic, visibility, for_everyone, reading, direct_key, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        room.id.0.as_bytes(),
        room.name,
        fold(&room.name),
        room.topic,
        visibility_name(room.visibility),
        room.for_everyone,
        reading_name(room.reading),
        room.between,
        now.0
    ])?;
    Ok(())
}

/// A room as `viewer` sees it.
pub(crate) fn by_id(conn: &Connection, id: RoomId, viewer: MemberId) -> Result<Option<Room>> {
    let room = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM rooms WHERE id = ?2"))?
        .query_row(params![viewer.0.as_bytes(), id.0.as_bytes()], read)
        .optional()?;
    room.map(|room| named(conn, room, viewer)).transpose()
}

/// The direct room between those whose digest this is.
pub(crate) fn between(conn: &Connection, digest: &[u8; 32]) -> Result<Option<RoomId>> {
    conn.prepare_cached("SELECT id FROM rooms WHERE direct_key = ?")?
        .query_row([digest], |row| Ok(RoomId(uuid(row, 0)?)))
        .optional()
}

/// How the room and `member` stand to each other; `None` if there is no such room.
pub(crate) fn standing(conn: &Connection, id: RoomId, member: MemberId) -> Result<Option<Standing>> {
    conn.prepare_cached(
        "SELECT visibility, archived, (SELECT role FROM memberships WHERE room = id AND member = ?2) AS role
         FROM rooms WHERE id = ?1",
    )?
    .query_row(params![id.0.as_bytes(), member.0.as_bytes()], |row| {
        Ok(Standing {
            visibility: visibility(row, "visibility")?,
            archived: row.get("archived")?,
            role: row
                .get::<_, Option<Value>>("role")?
                .map(|_| text(row, "role"))
                .transpose()?
                .map(|name| memberships::role(&name)),
        })
    })
    .optional()
}

/// The rooms `member` is in, by name.
pub(crate) fn of_member(conn: &Connection, member: MemberId, limit: u32) -> Result<Vec<Room>> {
    let rooms = conn
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM memberships JOIN rooms ON rooms.id = memberships.room
             WHERE memberships.member = ?1 ORDER BY rooms.folded, rooms.id LIMIT ?2"
        ))?
        .query_map(params![member.0.as_bytes(), limit], read)?
        .kept()?;
    rooms.into_iter().map(|room| named(conn, room, member)).collect()
}

/// The public rooms `member` is not in and that are open, by name; those after one that is there.
pub(crate) fn directory(
    conn: &Connection,
    member: MemberId,
    after: Option<RoomId>,
    limit: u32,
) -> Result<Vec<Room>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM rooms WHERE visibility = 'public' AND archived = 0
         AND NOT EXISTS (SELECT 1 FROM memberships WHERE room = rooms.id AND member = ?1)
         AND (?2 IS NULL OR (folded, id) > (SELECT last.folded, last.id FROM rooms AS last WHERE last.id = ?2))
         ORDER BY folded, id LIMIT ?3"
    ))?
    .query_map(params![member.0.as_bytes(), after.map(|room| *room.0.as_bytes()), limit], read)?
    .kept()
}

/// A direct room has the names of the others; that of whoever is gone, once nobody else is in it.
fn named(conn: &Connection, mut room: Room, viewer: MemberId) -> Result<Room> {
    if room.visibility == Visibility::Direct {
        let others = memberships::others(conn, room.id, viewer)?;
        let names = others.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>();
        room.name = if names.is_empty() { FORMER.to_owned() } else { names.join(", ") };
        room.with = others.into_iter().map(|(id, _)| id).collect();
    }
    Ok(room)
}

pub(crate) fn rename(conn: &Connection, id: RoomId, name: &str) -> Result<()> {
    conn.prepare_cached("UPDATE rooms SET name = ?2, folded = ?3 WHERE id = ?1")?.execute(params![
        id.0.as_bytes(),
        name,
        fold(name)
    ])?;
    Ok(())
}

pub(crate) fn set_topic(conn: &Connection, id: RoomId, topic: &str) -> Result<()> {
    conn.prepare_cached("UPDATE rooms SET topic = ?2 WHERE id = ?1")?
        .execute(params![id.0.as_bytes(), topic])?;
    Ok(())
}

pub(crate) fn set_reading(conn: &Connection, id: RoomId, reading: Reading) -> Result<()> {
    conn.prepare_cached("UPDATE rooms SET reading = ?2 WHERE id = ?1")?
        .execute(params![id.0.as_bytes(), reading_name(reading)])?;
    Ok(())
}

pub(crate) fn set_archived(conn: &Connection, id: RoomId, archived: bool) -> Result<()> {
    conn.prepare_cached("UPDATE rooms SET archived = ?2 WHERE id = ?1")?
        .execute(params![id.0.as_bytes(), archived])?;
    Ok(())
}

/// Takes a room away, with all that was said in it.
pub(crate) fn delete(conn: &Connection, id: RoomId) -> Result<()> {
    messages::forget(conn, id)?;
    avatars::put_of_room(conn, id, None)?;
    for sql in [
        // A guest's invite that leads nowhere any more must not lead somewhere else.
        "UPDATE invites SET revoked = 1 WHERE role = 'guest' AND id IN (SELECT invite FROM invite_rooms
         GROUP BY invite HAVING count(*) = 1 AND max(room) = ?)",
        "DELETE FROM invite_rooms WHERE room = ?",
        "DELETE FROM hooks WHERE room = ?",
        "DELETE FROM follows WHERE room = ?",
        "DELETE FROM reports WHERE room = ?",
        "DELETE FROM cursors WHERE room = ?1 AND device IN (SELECT device FROM sessions
         JOIN memberships ON memberships.member = sessions.member WHERE memberships.room = ?1)",
        "DELETE FROM memberships WHERE room = ?",
        "DELETE FROM marks WHERE room = ?",
        "DELETE FROM events WHERE room = ?",
        "DELETE FROM rooms WHERE id = ?",
    ] {
        conn.prepare_cached(sql)?.execute([id.0.as_bytes()])?;
    }
    Ok(())
}

/// Before the first number that `member`, who is in the room, may read.
pub(crate) fn floor(conn: &Connection, id: RoomId, member: MemberId) -> Result<Seq> {
    let first = conn
        .prepare_cached(
            "SELECT memberships.since FROM memberships JOIN rooms ON rooms.id = memberships.room
             WHERE memberships.room = ? AND memberships.member = ? AND rooms.reading = 'join'",
        )?
        .query_row(params![id.0.as_bytes(), member.0.as_bytes()], |row| Ok(whole(row.get(0)?)))
        .optional()?;
    Ok(Seq(first.unwrap_or(1).saturating_sub(1)))
}

/// All rooms, by id.
pub(crate) fn all(conn: &Connection) -> Result<Vec<Room>> {
    let nobody = [0u8; 16];
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM rooms ORDER BY id"))?
        .query_map([nobody], read)?
        .kept()
}

/// Those every new account comes into.
pub(crate) fn for_everyone(conn: &Connection) -> Result<Vec<RoomId>> {
    conn.prepare_cached("SELECT id FROM rooms WHERE for_everyone = 1 ORDER BY created_at, id")?
        .query_map([], |row| Ok(RoomId(uuid(row, 0)?)))?
        .kept()
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
        name: text(row, "name")?,
        topic: text(row, "topic")?,
        visibility: visibility(row, "visibility")?,
        head: Seq(whole(row.get("head")?)),
        members: u32::try_from(whole(row.get("members")?)).unwrap_or(u32::MAX),
        role: memberships::role(&text(row, "role")?),
        reading: if text(row, "reading")? == "join" { Reading::Join } else { Reading::Start },
        archived: row.get("archived")?,
        avatar: avatar(row, "avatar")?,
        with: Vec::new(),
    })
}

fn reading_name(reading: Reading) -> &'static str {
    match reading {
        Reading::Start => "start",
        Reading::Join => "join",
    }
}

pub(crate) fn visibility_name(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Private => "private",
        Visibility::Direct => "direct",
    }
}
