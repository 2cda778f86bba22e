//! Small things of the installation itself, by name.

use rusqlite::{Connection, OptionalExtension, params};

/// Names this profile in the keyring, so that two profiles of one person never collide.
pub(crate) const PROFILE_ID: &str = "profile_id";

pub(crate) fn get(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM settings WHERE name = ?1")?
        .query_row(params![name], |row| row.get(0))
        .optional()
}

/// Sets `name` unless it is set, and returns what it is.
pub(crate) fn get_or_set(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<String> {
    connection
        .prepare_cached("INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
        .execute(params![name, value])?;
    Ok(get(connection, name)?.unwrap_or_else(|| value.to_owned()))
}
