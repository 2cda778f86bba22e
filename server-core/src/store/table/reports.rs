//! Outgoing webhooks: where the log of a room is reported to, and how far it has been.

use protocol::{RoomId, Seq, UnixMillis};
use uuid::Uuid;
use vault::rusqlite::{Connection, Result, Row as SqlRow, params};

use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- Outgoing webhooks: where the log of a room is reported to, and how far it has been.
CREATE TABLE reports (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    room BLOB NOT NULL REFERENCES rooms (id),
    url TEXT NOT NULL,
    -- With which each report is signed.
    signing_key TEXT NOT NULL,
    -- The number of the newest event that was taken.
    sent INTEGER NOT NULL,
    -- Tries in a row that came to nothing, and when the next one is.
    failures INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

const COLUMNS: &str =
    "reports.id, reports.room, reports.url, reports.signing_key, reports.sent, reports.failures";

/// An outgoing webhook as stored.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) room: RoomId,
    pub(crate) url: String,
    pub(crate) signing_key: String,
    pub(crate) sent: Seq,
    pub(crate) failures: u32,
}

pub(crate) fn insert(conn: &Connection, row: &Row, now: UnixMillis) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO reports (id, room, url, signing_key, sent, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        row.id.as_bytes(),
        row.room.0.as_bytes(),
        row.url,
        row.signing_key,
        i64::try_from(row.sent.0).unwrap_or(i64::MAX),
        now.0
    ])?;
    Ok(())
}

/// Those with something to report whose time has come.
pub(crate) fn due(conn: &Connection, now: UnixMillis) -> Result<Vec<Row>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM reports JOIN rooms ON rooms.id = reports.room
         WHERE rooms.head > reports.sent AND reports.retry_at <= ?"
    ))?
    .query_map([now.0], read)?
    .collect()
}

/// Everything up to `sent` was taken.
pub(crate) fn taken(conn: &Connection, id: Uuid, sent: Seq) -> Result<()> {
    conn.prepare_cached("UPDATE reports SET sent = ?, failures = 0, retry_at = 0 WHERE id = ?")?
        .execute(params![i64::try_from(sent.0).unwrap_or(i64::MAX), id.as_bytes()])?;
    Ok(())
}

/// A try came to nothing; the next one is at `retry_at`.
pub(crate) fn failed(conn: &Connection, id: Uuid, retry_at: UnixMillis) -> Result<()> {
    conn.prepare_cached("UPDATE reports SET failures = failures + 1, retry_at = ? WHERE id = ?")?
        .execute(params![retry_at.0, id.as_bytes()])?;
    Ok(())
}

/// Ends one. Says whether there was one.
pub(crate) fn remove(conn: &Connection, id: Uuid) -> Result<bool> {
    Ok(conn.prepare_cached("DELETE FROM reports WHERE id = ?")?.execute([id.as_bytes()])? > 0)
}

/// All of them, oldest first, each with its room's name.
pub(crate) fn all(conn: &Connection) -> Result<Vec<(Row, String)>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, rooms.name AS name FROM reports JOIN rooms ON rooms.id = reports.room
         ORDER BY reports.created_at, reports.id"
    ))?
    .query_map([], |row| Ok((read(row)?, row.get("name")?)))?
    .collect()
}

fn read(row: &SqlRow<'_>) -> Result<Row> {
    Ok(Row {
        id: uuid(row, "id")?,
        room: RoomId(uuid(row, "room")?),
        url: row.get("url")?,
        signing_key: row.get("signing_key")?,
        sent: Seq(whole(row.get("sent")?)),
        failures: row.get("failures")?,
    })
}
