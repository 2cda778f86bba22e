//! Outgoing webhooks: where the log of a room is reported to, and how far it has been.

use protocol::{RoomId, Seq, UnixMillis};
use uuid::Uuid;
use vault::rusqlite::{Connection, Result, Row as SqlRow, params};

use crate::store::kept::{Kept, text};
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
    -- Tries in a row that came to nothing, since when, why the last one did, and when the next one is.
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since INTEGER NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    retry_at INTEGER NOT NULL DEFAULT 0,
    -- No more tries, until an operator says so.
    given_up INTEGER NOT NULL DEFAULT 0 CHECK (given_up IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

const COLUMNS: &str =
    "reports.id, reports.room, reports.url, reports.signing_key, reports.sent, reports.failures,
    reports.failing_since, reports.problem, reports.given_up";

/// An outgoing webhook as stored.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) room: RoomId,
    pub(crate) url: String,
    pub(crate) signing_key: String,
    pub(crate) sent: Seq,
    pub(crate) failures: u32,
    /// When the first of them was.
    pub(crate) failing_since: UnixMillis,
    /// Why the last of them was.
    pub(crate) problem: String,
    pub(crate) given_up: bool,
}

impl Row {
    /// One that nothing has happened to yet: it begins after `sent`.
    pub(crate) fn new(id: Uuid, room: RoomId, sent: Seq, (url, signing_key): (String, String)) -> Self {
        let (failures, failing_since) = (0, UnixMillis(0));
        Self {
            id,
            room,
            url,
            signing_key,
            sent,
            failures,
            failing_since,
            problem: String::new(),
            given_up: false,
        }
    }
}

/// A try that came to nothing.
pub(crate) struct Failure {
    /// When.
    pub(crate) at: UnixMillis,
    /// Why; without the address, which may be a secret.
    pub(crate) problem: String,
    /// When the next try is; none if there is to be none.
    pub(crate) retry_at: Option<UnixMillis>,
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
         WHERE rooms.head > reports.sent AND reports.retry_at <= ? AND NOT reports.given_up"
    ))?
    .query_map([now.0], read)?
    .kept()
}

/// Whether there still is such a one, and it is to be tried.
pub(crate) fn is_wanted(conn: &Connection, id: Uuid) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM reports WHERE id = ? AND NOT given_up")?.exists([id.as_bytes()])
}

/// Everything up to `sent` was taken.
pub(crate) fn taken(conn: &Connection, id: Uuid, sent: Seq) -> Result<()> {
    conn.prepare_cached(
        "UPDATE reports SET sent = ?, failures = 0, failing_since = 0, problem = '', retry_at = 0 WHERE id = ?",
    )?
    .execute(params![i64::try_from(sent.0).unwrap_or(i64::MAX), id.as_bytes()])?;
    Ok(())
}

/// Notes a try that came to nothing.
pub(crate) fn failed(conn: &Connection, id: Uuid, failure: &Failure) -> Result<()> {
    conn.prepare_cached(
        "UPDATE reports SET failures = failures + 1, failing_since = iif(failures = 0, ?2, failing_since),
         problem = ?3, retry_at = ?4, given_up = ?5 WHERE id = ?1",
    )?
    .execute(params![
        id.as_bytes(),
        failure.at.0,
        failure.problem,
        failure.retry_at.unwrap_or_default().0,
        failure.retry_at.is_none()
    ])?;
    Ok(())
}

/// Tries again, at once. Says whether there is such a one.
pub(crate) fn resume(conn: &Connection, id: Uuid) -> Result<bool> {
    let changed = conn
        .prepare_cached(
            "UPDATE reports SET failures = 0, failing_since = 0, retry_at = 0, given_up = 0 WHERE id = ?",
        )?
        .execute([id.as_bytes()])?;
    Ok(changed > 0)
}

/// Ends one. Says whether there was one.
pub(crate) fn remove(conn: &Connection, id: Uuid) -> Result<bool> {
    Ok(conn.prepare_cached("DELETE FROM reports WHERE id = ?")?.execute([id.as_bytes()])? > 0)
}

/// How many a room has.
pub(crate) fn count(conn: &Connection, room: RoomId) -> Result<u32> {
    conn.prepare_cached("SELECT count(*) FROM reports WHERE room = ?")?
        .query_row([room.0.as_bytes()], |row| row.get(0))
}

/// Those of a room, oldest first.
pub(crate) fn of_room(conn: &Connection, room: RoomId) -> Result<Vec<Row>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM reports WHERE room = ? ORDER BY created_at, id"))?
        .query_map([room.0.as_bytes()], read)?
        .collect()
}

/// All of them, oldest first, each with its room's name.
pub(crate) fn all(conn: &Connection) -> Result<Vec<(Row, String)>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, rooms.name AS name FROM reports JOIN rooms ON rooms.id = reports.room
         ORDER BY reports.created_at, reports.id"
    ))?
    .query_map([], |row| Ok((read(row)?, text(row, "name")?)))?
    .kept()
}

fn read(row: &SqlRow<'_>) -> Result<Row> {
    Ok(Row {
        id: uuid(row, "id")?,
        room: RoomId(uuid(row, "room")?),
        url: row.get("url")?,
        signing_key: row.get("signing_key")?,
        sent: Seq(whole(row.get("sent")?)),
        failures: row.get("failures")?,
        failing_since: UnixMillis(row.get("failing_since")?),
        problem: row.get("problem")?,
        given_up: row.get("given_up")?,
    })
}
