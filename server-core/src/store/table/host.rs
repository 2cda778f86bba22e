//! The host itself: one row, made at the first start.

use crate::store::kept::text;
use protocol::{Registration, UnixMillis};
use vault::rusqlite::{Connection, OptionalExtension, Result, params};
use zeroize::Zeroizing;

pub(crate) const SCHEMA: &str = "
-- The host itself: one row.
CREATE TABLE host (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    -- The private key (P-256, PKCS#8). Whoever has it is the host.
    key BLOB NOT NULL,
    name TEXT NOT NULL,
    -- Who may register without an invite: 'open' is everyone on the local network.
    registration TEXT NOT NULL CHECK (registration IN ('open', 'invite')),
    created_at INTEGER NOT NULL
) STRICT;
";

/// The host as stored.
pub(crate) struct Row {
    pub(crate) key: Zeroizing<Vec<u8>>,
    pub(crate) name: String,
    pub(crate) registration: Registration,
}

pub(crate) fn read(conn: &Connection) -> Result<Option<Row>> {
    conn.query_row("SELECT key, name, registration FROM host", [], |row| {
        Ok(Row {
            key: Zeroizing::new(row.get("key")?),
            name: text(row, "name")?,
            registration: known(&text(row, "registration")?),
        })
    })
    .optional()
}

pub(crate) fn insert(conn: &Connection, row: &Row, now: UnixMillis) -> Result<()> {
    conn.execute(
        "INSERT INTO host (one, key, name, registration, created_at) VALUES (1, ?, ?, ?, ?)",
        params![row.key.as_slice(), row.name, registration(row.registration), now.0],
    )?;
    Ok(())
}

pub(crate) fn rename(conn: &Connection, name: &str) -> Result<()> {
    conn.execute("UPDATE host SET name = ?", [name])?;
    Ok(())
}

/// Who may register without an invite.
pub(crate) fn registration_of(conn: &Connection) -> Result<Registration> {
    conn.prepare_cached("SELECT registration FROM host")?.query_row([], |row| Ok(known(&text(row, 0)?)))
}

pub(crate) fn set_registration(conn: &Connection, value: Registration) -> Result<()> {
    conn.execute("UPDATE host SET registration = ?", [registration(value)])?;
    Ok(())
}

/// What is not known lets nobody in.
fn known(name: &str) -> Registration {
    if name == "open" { Registration::Open } else { Registration::Invite }
}

fn registration(value: Registration) -> &'static str {
    match value {
        Registration::Open => "open",
        Registration::Invite => "invite",
    }
}
