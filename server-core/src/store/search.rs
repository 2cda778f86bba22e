//! Finding messages by their words, newest first, in the rooms of whoever asks.

use protocol::{Event, MemberId, Search};
use vault::rusqlite::{Connection, Result, named_params};

use super::table::events;
use super::table::messages::Place;

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
    let matching =
        if words.is_some() { "words JOIN messages ON messages.n = words.rowid" } else { "messages" };
    let by_words = if words.is_some() { "words MATCH :words" } else { ":words IS NULL" };
    let newest_first = if words.is_some() { "words.rowid" } else { "messages.n" };
    let sql = format!(
        "SELECT {} FROM {matching} JOIN events ON events.room = messages.room AND events.seq = messages.seq
         WHERE {by_words} AND {newest_first} < :older AND messages.deleted = 0 AND EXISTS (
             SELECT 1 FROM memberships JOIN rooms ON rooms.id = memberships.room
             WHERE memberships.room = messages.room AND memberships.member = :member
             AND (rooms.reading <> 'join' OR messages.seq >= memberships.since))
         AND (:room IS NULL OR messages.room = :room) AND (:by IS NULL OR messages.by = :by)
         AND messages.at < :before AND messages.at >= :after AND messages.has_link >= :link
         ORDER BY {newest_first} DESC LIMIT :limit",
        events::COLUMNS
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query(named_params! {
        ":words": words,
        ":older": older_than.map_or(i64::MAX, |place| place.n),
        ":member": member.0.as_bytes(),
        ":room": wanted.room.map(|room| *room.0.as_bytes()),
        ":by": wanted.from.map(|by| *by.0.as_bytes()),
        ":before": wanted.before.map_or(i64::MAX, |at| at.0),
        ":after": wanted.after.map_or(i64::MIN, |at| at.0),
        ":link": wanted.has_link,
        ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
    })?;
    events::fill(conn, rows, budget)
}
