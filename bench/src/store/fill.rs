//! The rate nothing can beat: one thread that fills the host's own tables from memory, no sockets, no permissions.
//!
//! The tables are those that `docs/server-schema.sql` states, in a vault opened as a host opens it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use uuid::Uuid;
use vault::rusqlite::{self, Connection, params};
use vault::{Migration, Options, Schema, Unlock};

/// The host's tables.
pub(crate) const TABLES: &str = include_str!("../../../docs/server-schema.sql");

const SCHEMA: Schema = Schema { migrations: &[Migration { name: "all", sql: TABLES }] };

/// Messages of one transaction.
const TRANSACTION: u64 = 1000;

/// Fills a new vault in `dir` with `rows` messages in `rooms` rooms; gives the rows per second.
///
/// # Errors
/// When the disk or the schema refuses.
pub(crate) fn rate(dir: &Path, rows: u64, rooms: usize, text: &str) -> Result<f64> {
    let key = dir.join("key");
    let vault = vault::create_with(&dir.join("fill"), Unlock::KeyFile(&key), &SCHEMA, Options::host())?;
    let member = Uuid::now_v7();
    let rooms = (0..rooms).map(|_| Uuid::now_v7()).collect::<Vec<_>>();
    let ids = rooms.clone();
    vault.write_blocking(move |conn| prepare(conn, member, &ids)).context("the rooms")?;
    let began = Instant::now();
    for first in (0..rows).step_by(usize::try_from(TRANSACTION)?) {
        let (rooms, text) = (rooms.clone(), text.to_owned());
        vault
            .write_blocking(move |conn| {
                (first..first + TRANSACTION)
                    .try_for_each(|number| post(conn, rooms[number as usize % rooms.len()], member, &text))
            })
            .context("a transaction")?;
    }
    let rate = rows as f64 / began.elapsed().as_secs_f64();
    vault.close_blocking();
    Ok(rate)
}

fn prepare(conn: &Connection, member: Uuid, rooms: &[Uuid]) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO members (id, name, folded, role, created_at) VALUES (?, 'filler', 'filler', 'owner', 0)",
        params![member.as_bytes()],
    )?;
    for (number, room) in rooms.iter().enumerate() {
        let name = format!("room {number}");
        conn.execute(
            "INSERT INTO rooms (id, name, folded, visibility, created_at) VALUES (?1, ?2, ?2, 'private', 0)",
            params![room.as_bytes(), name],
        )?;
    }
    Ok(())
}

/// What the host writes for a plain message: the log, the message's place, its words.
fn post(conn: &Connection, room: Uuid, member: Uuid, text: &str) -> rusqlite::Result<()> {
    let (id, none) = (Uuid::now_v7(), None::<[u8; 16]>);
    let head: i64 = conn
        .prepare_cached("UPDATE rooms SET head = head + 1, posted = posted + 1 WHERE id = ? RETURNING head")?
        .query_row(params![room.as_bytes()], |row| row.get(0))?;
    let change = format!(r#"{{"type":"posted","message":"{id}","text":"{text}","n":{head}}}"#);
    conn.prepare_cached("INSERT INTO events (room, seq, at, by, target, change) VALUES (?, ?, 0, ?, ?, ?)")?
        .execute(params![room.as_bytes(), head, member.as_bytes(), none, change])?;
    conn.prepare_cached("INSERT INTO messages (id, room, seq, at, by, has_link) VALUES (?, ?, ?, 0, ?, 0)")?
        .execute(params![id.as_bytes(), room.as_bytes(), head, member.as_bytes()])?;
    let row = conn.last_insert_rowid();
    conn.prepare_cached("INSERT INTO words (rowid, text) VALUES (?, ?)")?.execute(params![row, text])?;
    Ok(())
}
