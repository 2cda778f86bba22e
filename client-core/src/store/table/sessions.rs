//! Session tokens, only where the profile has no keyring; inside the vault they are encrypted like everything else.

use rusqlite::{Connection, OptionalExtension, params};

pub(crate) fn put(connection: &Connection, host: i64, token: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO sessions (host, token) VALUES (?1, ?2) ON CONFLICT (host) DO UPDATE SET token = ?2",
        )?
        .execute(params![host, token])?;
    Ok(())
}

pub(crate) fn get(connection: &Connection, host: i64) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT token FROM sessions WHERE host = ?1")?
        .query_row(params![host], |row| row.get(0))
        .optional()
}

pub(crate) fn remove(connection: &Connection, host: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM sessions WHERE host = ?1")?.execute(params![host])?;
    Ok(())
}
