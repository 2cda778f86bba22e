//! How members stand to each other, each for themselves: contacts, and whom they let not write to them.

use protocol::{MemberId, RoomId, UnixMillis};
use vault::rusqlite::{Connection, Result, params};

use crate::store::kept::Kept;
use crate::store::uuid;

pub(crate) const SCHEMA: &str = "
-- How members stand to each other, each for themselves. Nobody sees those of another.
CREATE TABLE relations (
    member BLOB NOT NULL REFERENCES members (id),
    other BLOB NOT NULL REFERENCES members (id),
    kind TEXT NOT NULL CHECK (kind IN ('contact', 'blocked')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (member, kind, other)
) STRICT, WITHOUT ROWID;

CREATE INDEX relations_other ON relations (other);
";

/// What one member is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Contact,
    Blocked,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Blocked => "blocked",
        }
    }
}

/// Says whether `other` is a `kind` of `member` from now on.
pub(crate) fn set(
    conn: &Connection,
    (member, other): (MemberId, MemberId),
    kind: Kind,
    holds: bool,
    now: UnixMillis,
) -> Result<()> {
    let (member, other) = (member.0.as_bytes(), other.0.as_bytes());
    if holds {
        conn.prepare_cached(
            "INSERT INTO relations (member, other, kind, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )?
        .execute(params![member, other, kind.name(), now.0])?;
    } else {
        conn.prepare_cached("DELETE FROM relations WHERE member = ? AND other = ? AND kind = ?")?
            .execute(params![member, other, kind.name()])?;
    }
    Ok(())
}

/// All of one kind, in the order of their ids.
pub(crate) fn of(conn: &Connection, member: MemberId, kind: Kind) -> Result<Vec<MemberId>> {
    conn.prepare_cached("SELECT other FROM relations WHERE member = ? AND kind = ? ORDER BY other")?
        .query_map(params![member.0.as_bytes(), kind.name()], |row| Ok(MemberId(uuid(row, 0)?)))?
        .kept()
}

/// Whether one of the two has blocked the other.
pub(crate) fn is_blocked(conn: &Connection, one: MemberId, other: MemberId) -> Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM relations WHERE kind = 'blocked'
         AND ((member = ?1 AND other = ?2) OR (member = ?2 AND other = ?1))",
    )?
    .exists(params![one.0.as_bytes(), other.0.as_bytes()])
}

/// Whether `room`, a direct one, is between `member` and one other of whom one has blocked the other.
pub(crate) fn is_silenced(conn: &Connection, room: RoomId, member: MemberId) -> Result<bool> {
    let mut statement =
        conn.prepare_cached("SELECT member FROM memberships WHERE room = ? AND member <> ? LIMIT 2")?;
    let others = statement
        .query_map(params![room.0.as_bytes(), member.0.as_bytes()], |row| Ok(MemberId(uuid(row, 0)?)))?
        .kept()?;
    match others.as_slice() {
        [other] => is_blocked(conn, member, *other),
        _ => Ok(false),
    }
}

/// Forgets all of and about a member.
pub(crate) fn forget(conn: &Connection, member: MemberId) -> Result<()> {
    conn.prepare_cached("DELETE FROM relations WHERE member = ?1 OR other = ?1")?
        .execute([member.0.as_bytes()])?;
    Ok(())
}
