//! Password hashes, apart from the members so that no list can carry one.

use protocol::{MemberId, UnixMillis};
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

pub(crate) const SCHEMA: &str = "
-- Password hashes (Argon2id, PHC strings), apart from the members so that no list can carry one.
CREATE TABLE passwords (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    hash TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

pub(crate) fn of(conn: &Connection, member: MemberId) -> Result<Option<String>> {
    conn.prepare_cached("SELECT hash FROM passwords WHERE member = ?")?
        .query_row([member.0.as_bytes()], |row| row.get(0))
        .optional()
}

pub(crate) fn remove(conn: &Connection, member: MemberId) -> Result<()> {
    conn.prepare_cached("DELETE FROM passwords WHERE member = ?")?.execute([member.0.as_bytes()])?;
    Ok(())
}

pub(crate) fn set(conn: &Connection, member: MemberId, hash: &str, now: UnixMillis) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO passwords (member, hash, changed_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (member) DO UPDATE SET hash = ?2, changed_at = ?3",
    )?
    .execute(params![member.0.as_bytes(), hash, now.0])?;
    Ok(())
}
