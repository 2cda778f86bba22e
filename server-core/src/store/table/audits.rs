//! Who did what to the host: administrative acts, only ever added to.

use protocol::{MemberId, UnixMillis};
use uuid::Uuid;
use vault::rusqlite::{Connection, Result, params};

use crate::admin::Act;
use crate::store::kept::{Kept, text};

pub(crate) const SCHEMA: &str = "
-- Administrative acts, only ever added to.
CREATE TABLE audits (
    number INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    -- Null for the operator of the machine.
    by BLOB REFERENCES members (id),
    act TEXT NOT NULL,
    -- To whom or what: a name or an id, never a secret.
    object TEXT NOT NULL DEFAULT ''
) STRICT;
";

/// Adds an entry.
pub(crate) fn note(
    conn: &Connection,
    by: Option<MemberId>,
    act: &str,
    object: &str,
    now: UnixMillis,
) -> Result<()> {
    conn.prepare_cached("INSERT INTO audits (at, by, act, object) VALUES (?, ?, ?, ?)")?.execute(params![
        now.0,
        by.map(|by| *by.0.as_bytes()),
        act,
        object
    ])?;
    Ok(())
}

/// The newest entries, newest first.
pub(crate) fn newest(conn: &Connection, limit: u32) -> Result<Vec<Act>> {
    conn.prepare_cached("SELECT at, by, act, object FROM audits ORDER BY number DESC LIMIT ?")?
        .query_map([limit], |row| {
            let by: Option<[u8; 16]> = row.get("by")?;
            Ok(Act {
                at: UnixMillis(row.get("at")?),
                by: by.map(|by| MemberId(Uuid::from_bytes(by))),
                act: text(row, "act")?,
                object: text(row, "object")?,
            })
        })?
        .kept()
}
