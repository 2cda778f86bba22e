//! The index by which messages are found.
//!
//! To index each message as it is posted would cost more than all else that is stored of it, so the index takes them
//! in by the hundred. Those it does not know yet are looked through as they are, in memory: a search finds them all the
//! same, and writes nothing. Which ones it knows is told by nothing but itself: all up to the newest row in it.

use protocol::{Change, Text, search};
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

use crate::store::kept::text;

/// So many new messages are taken in together: a few milliseconds of the writer, or of a search that comes before.
const TOGETHER: i64 = 256;

/// The index of the new ones: as the one on disk, but in memory.
const IN_MEMORY: &str =
    "CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = 'unicode61 remove_diacritics 2')";

/// A message has come, in row `n`; rows are given without gaps.
pub(super) fn add(conn: &Connection, n: i64) -> Result<()> {
    if n % TOGETHER == 0 { each_new(conn, |n, text| insert(conn, n, text)) } else { Ok(()) }
}

/// A message says something else from now on.
pub(super) fn replace(conn: &Connection, n: i64, (old, new): (&Text, &Text)) -> Result<()> {
    if n <= newest(conn)? {
        delete(conn, n, old)?;
        insert(conn, n, new)?;
    }
    Ok(())
}

/// A message goes, and leaves no trace in the index.
pub(super) fn remove(conn: &Connection, n: i64, old: &Text) -> Result<()> {
    if n <= newest(conn)? { delete(conn, n, old) } else { Ok(()) }
}

/// The rows of the messages that match `expression` and that the index does not know yet.
pub(crate) fn find_new(conn: &Connection, expression: &str) -> Result<Vec<i64>> {
    let words = Connection::open_in_memory()?;
    words.execute_batch(IN_MEMORY)?;
    words.execute_batch("BEGIN")?;
    each_new(conn, |n, text| insert(&words, n, text))?;
    let mut matching = words.prepare("SELECT rowid FROM words WHERE words MATCH ?")?;
    matching.query_map([expression], |row| row.get(0))?.collect()
}

/// The newest row in the index.
fn newest(conn: &Connection) -> Result<i64> {
    let newest = conn
        .prepare_cached("SELECT rowid FROM words ORDER BY rowid DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(newest.unwrap_or(0))
}

fn each_new(conn: &Connection, mut take: impl FnMut(i64, &Text) -> Result<()>) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT messages.n, events.change FROM messages JOIN events ON events.room = messages.room
         AND events.seq = messages.seq WHERE messages.n > ? AND messages.deleted = 0 ORDER BY messages.n",
    )?;
    let mut rows = statement.query([newest(conn)?])?;
    while let Some(row) = rows.next()? {
        // By a damaged row nothing is found.
        if let Ok(Change::Posted(posted)) = serde_json::from_str(&text(row, "change")?) {
            take(row.get("n")?, &posted.text)?;
        }
    }
    Ok(())
}

fn insert(conn: &Connection, n: i64, text: &Text) -> Result<()> {
    conn.prepare_cached("INSERT INTO words (rowid, text) VALUES (?, ?)")?
        .execute(params![n, search::folded(&text.0)])?;
    Ok(())
}

/// The index needs the text to find what to forget.
fn delete(conn: &Connection, n: i64, text: &Text) -> Result<()> {
    conn.prepare_cached("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)")?
        .execute(params![n, search::folded(&text.0)])?;
    Ok(())
}
