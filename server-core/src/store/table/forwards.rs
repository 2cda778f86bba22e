//! Where the host has gone, if it has: one row.

use protocol::UnixMillis;
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

pub(crate) const SCHEMA: &str = "
-- Where the host has gone, if it has: at most one row, never part of a restored backup.
CREATE TABLE forwards (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    -- name:port or ip:port, best first, between spaces.
    addresses TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
";

pub(crate) fn read(conn: &Connection) -> Result<Option<(Vec<String>, UnixMillis)>> {
    conn.prepare_cached("SELECT addresses, at FROM forwards")?
        .query_row([], |row| {
            let addresses: String = row.get("addresses")?;
            Ok((addresses.split(' ').map(str::to_owned).collect(), UnixMillis(row.get("at")?)))
        })
        .optional()
}

/// Whether the host is elsewhere.
pub(crate) fn any(conn: &Connection) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM forwards")?.exists([])
}

pub(crate) fn set(conn: &Connection, addresses: &[String], at: UnixMillis) -> Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO forwards (one, addresses, at) VALUES (1, ?, ?)")?
        .execute(params![addresses.join(" "), at.0])?;
    Ok(())
}

pub(crate) fn forget(conn: &Connection) -> Result<()> {
    conn.execute("DELETE FROM forwards", [])?;
    Ok(())
}
