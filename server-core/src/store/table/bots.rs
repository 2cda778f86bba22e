//! Accounts that programs use, by a token instead of a password.

use protocol::{MemberId, UnixMillis};
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

use crate::store::kept::{Kept, text};
use crate::store::uuid;

pub(crate) const SCHEMA: &str = "
-- Accounts that programs use, by a token instead of a password.
CREATE TABLE bots (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    -- SHA-256 of the token.
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

pub(crate) fn insert(conn: &Connection, member: MemberId, hash: &[u8; 32], now: UnixMillis) -> Result<()> {
    conn.prepare_cached("INSERT INTO bots (member, token_hash, created_at) VALUES (?, ?, ?)")?
        .execute(params![member.0.as_bytes(), hash, now.0])?;
    Ok(())
}

/// Whose token this is, if the account stands.
pub(crate) fn by_token(conn: &Connection, hash: &[u8; 32]) -> Result<Option<MemberId>> {
    conn.prepare_cached(
        "SELECT bots.member FROM bots JOIN members ON members.id = bots.member
         WHERE bots.token_hash = ? AND members.standing = 'active'",
    )?
    .query_row([hash], |row| Ok(MemberId(uuid(row, 0)?)))
    .optional()
}

/// Whether `member` is a bot whose account stands.
pub(crate) fn stands(conn: &Connection, member: MemberId) -> Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM bots JOIN members ON members.id = bots.member
         WHERE bots.member = ? AND members.standing = 'active'",
    )?
    .exists([member.0.as_bytes()])
}

/// Whether a member is a bot.
pub(crate) fn is_one(conn: &Connection, member: MemberId) -> Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM bots WHERE member = ?)")?
        .query_row([member.0.as_bytes()], |row| row.get(0))
}

/// Ends a bot's token. Says whether there was one.
pub(crate) fn remove(conn: &Connection, member: MemberId) -> Result<bool> {
    Ok(conn.prepare_cached("DELETE FROM bots WHERE member = ?")?.execute([member.0.as_bytes()])? > 0)
}

/// How many there are.
pub(crate) fn count(conn: &Connection) -> Result<u32> {
    conn.prepare_cached("SELECT count(*) FROM bots")?.query_row([], |row| row.get(0))
}

/// All of them, by name.
pub(crate) fn all(conn: &Connection) -> Result<Vec<(MemberId, String)>> {
    conn.prepare_cached(
        "SELECT member, name FROM bots JOIN members ON members.id = bots.member ORDER BY folded",
    )?
    .query_map([], |row| Ok((MemberId(uuid(row, "member")?), text(row, "name")?)))?
    .kept()
}
