//! Finding messages by their words, newest first, in the rooms of whoever asks.

use protocol::{Event, MemberId, Search};
use vault::rusqlite::{Connection, Result, named_params};

use super::table::events;
use super::table::messages::Place;
use super::table::words;

/// Among which messages is looked.
enum Among<'a> {
    /// Those that the index knows.
    Indexed(&'a str),
    /// These rows, as JSON.
    Rows(String),
    All,
}

/// Messages that match `words` and the filters of `wanted`, at most `limit`, until `budget` bytes are used up.
pub(crate) fn find(
    conn: &Connection,
    member: MemberId,
    wanted: &Search,
    words: Option<&str>,
    older_than: Option<Place>,
    limit: usize,
    budget: &mut usize,
) -> Result<Vec<Event>> {
    let older = older_than.map_or(i64::MAX, |place| place.n);
    let mut filter = |among, limit| filter(conn, (member, wanted), &among, older, limit, budget);
    let Some(expression) = words else { return filter(Among::All, limit) };
    // All of these are newer than any in the index.
    let new = words::find_new(conn, expression)?;
    let mut found = if new.is_empty() { Vec::new() } else { filter(Among::Rows(rows(&new)), limit)? };
    found.extend(filter(Among::Indexed(expression), limit - found.len())?);
    Ok(found)
}

fn rows(rows: &[i64]) -> String {
    format!("[{}]", rows.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
}

fn filter(
    conn: &Connection,
    (member, wanted): (MemberId, &Search),
    among: &Among<'_>,
    older: i64,
    limit: usize,
    budget: &mut usize,
) -> Result<Vec<Event>> {
    let (from, condition, newest_first) = match among {
        Among::Indexed(_) => {
            ("words JOIN messages ON messages.n = words.rowid", "words MATCH :words", "words.rowid")
        }
        Among::Rows(_) => ("messages", "messages.n IN (SELECT value FROM json_each(:words))", "messages.n"),
        Among::All => ("messages", ":words IS NULL", "messages.n"),
    };
    let words = match among {
        Among::Indexed(words) => Some(*words),
        Among::Rows(rows) => Some(rows.as_str()),
        Among::All => None,
    };
    let sql = format!(
        "SELECT {} FROM {from} JOIN events ON events.room = messages.room AND events.seq = messages.seq
         WHERE {condition} AND {newest_first} < :older AND messages.deleted = 0 AND EXISTS (
             SELECT 1 FROM memberships JOIN rooms ON rooms.id = memberships.room
             WHERE memberships.room = messages.room AND memberships.member = :member
             AND (rooms.reading <> 'join' OR messages.seq >= memberships.since))
         AND (:room IS NULL OR messages.room = :room) AND (:by IS NULL OR messages.by = :by)
         AND messages.at < :before AND messages.at >= :after AND messages.has_link >= :link
         ORDER BY {newest_first} DESC LIMIT :limit",
        events::COLUMNS
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let found = statement.query(named_params! {
        ":words": words,
        ":older": older,
        ":member": member.0.as_bytes(),
        ":room": wanted.room.map(|room| *room.0.as_bytes()),
        ":by": wanted.from.map(|by| *by.0.as_bytes()),
        ":before": wanted.before.map_or(i64::MAX, |at| at.0),
        ":after": wanted.after.map_or(i64::MIN, |at| at.0),
        ":link": wanted.has_link,
        ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
    })?;
    events::fill(conn, found, budget)
}
