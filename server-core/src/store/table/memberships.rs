//! Who is in which room. Follows from the events; kept beside them so that every right is one look.

use protocol::{MemberId, RoomId, RoomMember, RoomRole, Seq, UnixMillis};
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

use super::{cursors, follows};
use crate::store::kept::{Kept, text};
use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- Who is in which room: follows from the events, kept beside them.
CREATE TABLE memberships (
    room BLOB NOT NULL REFERENCES rooms (id),
    member BLOB NOT NULL REFERENCES members (id),
    role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
    -- The number of the event by which they came in.
    since INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (room, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_member ON memberships (member);

-- Counting a room's members at every sign-in would cost more the larger the room is.
CREATE TRIGGER memberships_in AFTER INSERT ON memberships BEGIN
    UPDATE rooms SET members = members + 1 WHERE id = new.room;
END;

CREATE TRIGGER memberships_out AFTER DELETE ON memberships BEGIN
    UPDATE rooms SET members = members - 1 WHERE id = old.room;
END;
";

pub(crate) fn insert(
    conn: &Connection,
    (room, member): (RoomId, MemberId),
    role: RoomRole,
    since: Seq,
    now: UnixMillis,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO memberships (room, member, role, since, created_at) VALUES (?, ?, ?, ?, ?)",
    )?
    .execute(params![
        room.0.as_bytes(),
        member.0.as_bytes(),
        role_name(role),
        i64::try_from(since.0).unwrap_or(i64::MAX),
        now.0
    ])?;
    Ok(())
}

/// Takes `member` out. Says whether they were in it.
pub(crate) fn remove(conn: &Connection, room: RoomId, member: MemberId) -> Result<bool> {
    let removed = conn
        .prepare_cached("DELETE FROM memberships WHERE room = ? AND member = ?")?
        .execute(params![room.0.as_bytes(), member.0.as_bytes()])?;
    follows::leave(conn, room, member)?;
    cursors::leave(conn, room, member)?;
    Ok(removed > 0)
}

/// Whether `member` is in `room`.
pub(crate) fn exists(conn: &Connection, room: RoomId, member: MemberId) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM memberships WHERE room = ? AND member = ?")?
        .exists(params![room.0.as_bytes(), member.0.as_bytes()])
}

/// Whether two members are in one room.
pub(crate) fn meet(conn: &Connection, one: MemberId, other: MemberId) -> Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM memberships AS mine JOIN memberships AS theirs ON theirs.room = mine.room
         WHERE mine.member = ? AND theirs.member = ? LIMIT 1",
    )?
    .exists(params![one.0.as_bytes(), other.0.as_bytes()])
}

/// How many rooms `member` is in.
pub(crate) fn count(conn: &Connection, member: MemberId) -> Result<u64> {
    conn.prepare_cached("SELECT count(*) FROM memberships WHERE member = ?")?
        .query_row([member.0.as_bytes()], |row| Ok(whole(row.get(0)?)))
}

/// All of them, by room and member.
pub(crate) fn all(conn: &Connection) -> Result<Vec<(RoomId, MemberId)>> {
    conn.prepare_cached("SELECT room, member FROM memberships ORDER BY room, member")?
        .query_map([], |row| Ok((RoomId(uuid(row, "room")?), MemberId(uuid(row, "member")?))))?
        .kept()
}
/// How many members are in `room`.
pub(crate) fn size(conn: &Connection, room: RoomId) -> Result<u64> {
    conn.prepare_cached("SELECT coalesce((SELECT members FROM rooms WHERE id = ?), 0)")?
        .query_row([room.0.as_bytes()], |row| Ok(whole(row.get(0)?)))
}

/// Says what `member` may do in `room`. Says whether that is news.
pub(crate) fn set_role(conn: &Connection, room: RoomId, member: MemberId, role: RoomRole) -> Result<bool> {
    let changed = conn
        .prepare_cached("UPDATE memberships SET role = ?3 WHERE room = ?1 AND member = ?2 AND role <> ?3")?
        .execute(params![room.0.as_bytes(), member.0.as_bytes(), role_name(role)])?;
    Ok(changed > 0)
}

/// Up to `limit` of those in `room` after `after`, in the order of their ids.
pub(crate) fn page(
    conn: &Connection,
    room: RoomId,
    after: Option<MemberId>,
    limit: u32,
) -> Result<Vec<RoomMember>> {
    let after = after.map_or([0; 16], |id| *id.0.as_bytes());
    conn.prepare_cached(
        "SELECT member, role FROM memberships WHERE room = ? AND member > ? ORDER BY member LIMIT ?",
    )?
    .query_map(params![room.0.as_bytes(), after, limit], |row| {
        Ok(RoomMember { member: MemberId(uuid(row, "member")?), role: role(&text(row, "role")?) })
    })?
    .kept()
}

/// Everyone in `room`; only for rooms that are known to be small, or about to end.
pub(crate) fn everyone(conn: &Connection, room: RoomId) -> Result<Vec<MemberId>> {
    conn.prepare_cached("SELECT member FROM memberships WHERE room = ? ORDER BY member")?
        .query_map([room.0.as_bytes()], |row| Ok(MemberId(uuid(row, 0)?)))?
        .kept()
}

/// Those in `room` besides `but`, with their names and in their order.
pub(crate) fn others(conn: &Connection, room: RoomId, but: MemberId) -> Result<Vec<(MemberId, String)>> {
    conn.prepare_cached(
        "SELECT members.id, members.name FROM memberships JOIN members ON members.id = memberships.member
         WHERE memberships.room = ? AND members.id <> ? ORDER BY members.folded",
    )?
    .query_map(params![room.0.as_bytes(), but.0.as_bytes()], |row| {
        Ok((MemberId(uuid(row, 0)?), text(row, 1)?))
    })?
    .kept()
}

/// Who is to run `room`, a private one that nobody runs any more: of those who may, whoever has been in it longest.
pub(crate) fn heir(conn: &Connection, room: RoomId) -> Result<Option<MemberId>> {
    conn.prepare_cached(
        "SELECT own.member FROM memberships AS own
         JOIN members ON members.id = own.member AND members.standing = 'active' AND members.role <> 'guest'
         WHERE own.room = ?1 AND EXISTS (SELECT 1 FROM rooms WHERE id = ?1 AND visibility = 'private')
         AND NOT EXISTS (SELECT 1 FROM memberships AS others JOIN members AS who ON who.id = others.member
             AND who.standing = 'active' AND who.role <> 'guest'
             WHERE others.room = ?1 AND others.role = 'admin')
         ORDER BY own.since, own.member LIMIT 1",
    )?
    .query_row([room.0.as_bytes()], |row| Ok(MemberId(uuid(row, 0)?)))
    .optional()
}

fn role_name(role: RoomRole) -> &'static str {
    match role {
        RoomRole::Admin => "admin",
        RoomRole::Member => "member",
    }
}

/// What is not known gives no rights.
pub(crate) fn role(name: &str) -> RoomRole {
    if name == "admin" { RoomRole::Admin } else { RoomRole::Member }
}
