//! Who is in which room. Follows from the events; kept beside them so that every right is one look.

use protocol::{MemberId, RoomId, UnixMillis};
use vault::rusqlite::{Connection, Result, params};

use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- Who is in which room: follows from the events, kept beside them.
CREATE TABLE memberships (
    room BLOB NOT NULL REFERENCES rooms (id),
    member BLOB NOT NULL REFERENCES members (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (room, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_member ON memberships (member);
";

pub(crate) fn insert(conn: &Connection, room: RoomId, member: MemberId, now: UnixMillis) -> Result<()> {
    conn.prepare_cached("INSERT INTO memberships (room, member, created_at) VALUES (?, ?, ?)")?
        .execute(params![room.0.as_bytes(), member.0.as_bytes(), now.0])?;
    Ok(())
}

pub(crate) fn remove(conn: &Connection, room: RoomId, member: MemberId) -> Result<()> {
    conn.prepare_cached("DELETE FROM memberships WHERE room = ? AND member = ?")?
        .execute(params![room.0.as_bytes(), member.0.as_bytes()])?;
    Ok(())
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
        .collect()
}
