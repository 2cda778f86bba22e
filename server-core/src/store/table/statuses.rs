//! What a status has besides its text: an emoji, and an end. Members without either have no row.

use protocol::{MemberId, UnixMillis};
use vault::rusqlite::{Connection, Result, params};

use crate::store::kept::Kept;
use crate::store::uuid;

pub(crate) const SCHEMA: &str = "
-- What a member's status has besides its text, where it has something.
CREATE TABLE statuses (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    -- May be empty.
    emoji TEXT NOT NULL,
    -- When all of it is taken back; null if it stays.
    until INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX statuses_until ON statuses (until) WHERE until IS NOT NULL;
";

/// Says what it has from now on.
pub(crate) fn put(conn: &Connection, member: MemberId, emoji: &str, until: Option<UnixMillis>) -> Result<()> {
    if emoji.is_empty() && until.is_none() {
        conn.prepare_cached("DELETE FROM statuses WHERE member = ?")?.execute([member.0.as_bytes()])?;
        return Ok(());
    }
    conn.prepare_cached("INSERT OR REPLACE INTO statuses (member, emoji, until) VALUES (?, ?, ?)")?
        .execute(params![member.0.as_bytes(), emoji, until.map(|until| until.0)])?;
    Ok(())
}

/// When the next one ends.
pub(crate) fn next_end(conn: &Connection) -> Result<Option<UnixMillis>> {
    conn.prepare_cached("SELECT min(until) AS until FROM statuses WHERE until IS NOT NULL")?
        .query_row([], |row| Ok(row.get::<_, Option<i64>>("until")?.map(UnixMillis)))
}

/// Whose is over, those first whose was first.
pub(crate) fn over(conn: &Connection, now: UnixMillis, limit: u32) -> Result<Vec<MemberId>> {
    conn.prepare_cached("SELECT member FROM statuses WHERE until <= ? ORDER BY until, member LIMIT ?")?
        .query_map(params![now.0, limit], |row| Ok(MemberId(uuid(row, "member")?)))?
        .kept()
}
