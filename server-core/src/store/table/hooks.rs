//! Incoming webhooks: an address that programs post to, for one room. Only the hash of the address is stored.

use protocol::{Hook, HookId, MemberId, RoomId, UnixMillis};
use uuid::Uuid;
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

use crate::store::kept::{Kept, text};
use crate::store::uuid;

pub(crate) const SCHEMA: &str = "
-- Incoming webhooks: an address that programs post to, for one room.
CREATE TABLE hooks (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- SHA-256 of the secret in the address.
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    room BLOB NOT NULL REFERENCES rooms (id),
    -- As whom it posts.
    member BLOB NOT NULL REFERENCES members (id),
    -- With which the other side signs what it sends (GitHub).
    signing_key TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// A hook as stored.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) room: RoomId,
    pub(crate) member: MemberId,
    pub(crate) signing_key: String,
}

pub(crate) fn insert(conn: &Connection, row: &Row, hash: &[u8; 32], now: UnixMillis) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO hooks (id, token_hash, room, member, signing_key, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        row.id.as_bytes(),
        hash,
        row.room.0.as_bytes(),
        row.member.0.as_bytes(),
        row.signing_key,
        now.0
    ])?;
    Ok(())
}

/// The hook of this secret, if the account it posts as stands.
pub(crate) fn by_token(conn: &Connection, hash: &[u8; 32]) -> Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT hooks.id, hooks.room, hooks.member, hooks.signing_key FROM hooks
         JOIN members ON members.id = hooks.member WHERE hooks.token_hash = ? AND members.standing = 'active'",
    )?
        .query_row([hash], |row| {
            Ok(Row {
                id: uuid(row, "id")?,
                room: RoomId(uuid(row, "room")?),
                member: MemberId(uuid(row, "member")?),
                signing_key: row.get("signing_key")?,
            })
        })
        .optional()
}

/// Whether there is such a hook, and the account it posts as stands.
pub(crate) fn stands(conn: &Connection, id: Uuid) -> Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM hooks JOIN members ON members.id = hooks.member
         WHERE hooks.id = ? AND members.standing = 'active'",
    )?
    .exists([id.as_bytes()])
}

/// Whether a hook posts as a member.
pub(crate) fn is_one(conn: &Connection, member: MemberId) -> Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM hooks WHERE member = ?)")?
        .query_row([member.0.as_bytes()], |row| row.get(0))
}

/// Ends a hook. Says whether there was one.
pub(crate) fn remove(conn: &Connection, id: Uuid) -> Result<bool> {
    Ok(conn.prepare_cached("DELETE FROM hooks WHERE id = ?")?.execute([id.as_bytes()])? > 0)
}

/// How many a room has.
pub(crate) fn count(conn: &Connection, room: RoomId) -> Result<u32> {
    conn.prepare_cached("SELECT count(*) FROM hooks WHERE room = ?")?
        .query_row([room.0.as_bytes()], |row| row.get(0))
}

/// Those of a room, by name.
pub(crate) fn of_room(conn: &Connection, room: RoomId) -> Result<Vec<Hook>> {
    conn.prepare_cached(
        "SELECT hooks.id AS id, member, name FROM hooks JOIN members ON members.id = hooks.member
         WHERE room = ? ORDER BY folded, hooks.id",
    )?
    .query_map([room.0.as_bytes()], |row| {
        let (id, member) = (HookId(uuid(row, "id")?), MemberId(uuid(row, "member")?));
        Ok(Hook { id, room, member, name: row.get("name")? })
    })?
    .collect()
}

/// Each one's id, the name it posts by, and its room's name; by name.
pub(crate) fn all(conn: &Connection) -> Result<Vec<(Uuid, String, String)>> {
    conn.prepare_cached(
        "SELECT hooks.id AS id, members.name AS name, rooms.name AS room FROM hooks
         JOIN members ON members.id = hooks.member JOIN rooms ON rooms.id = hooks.room ORDER BY members.folded",
    )?
    .query_map([], |row| Ok((uuid(row, "id")?, text(row, "name")?, text(row, "room")?)))?
    .kept()
}
