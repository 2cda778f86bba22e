//! Messages by their ids, and what hangs on them. What they say stands in the log; `words` finds them by it.

use protocol::{
    Change, Event, MemberId, MessageId, Posted, Reaction, Revision, RoomId, Seq, Text, UnixMillis,
};
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

use super::events::{self, number};
use super::words;
use crate::store::kept::{Kept, text};
use crate::store::{uuid, whole};

pub(crate) const BY_ROOM_SCHEMA: &str = "
-- All messages of a room in their order, for what counts and for deleting the room; it does for those that wait, too.
DROP INDEX messages_waiting;
CREATE INDEX messages_room ON messages (room, seq, by, deleted, thread);
CREATE INDEX mentions_room ON mentions (room);
CREATE INDEX follows_room ON follows (room);
";

pub(crate) const SCHEMA: &str = "
-- Messages by their ids. One exists once on the host, for good: a resend finds its first answer here.
CREATE TABLE messages (
    -- Its row in the index.
    n INTEGER PRIMARY KEY,
    -- Given by the sender's device.
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    -- Where it stands in the log.
    room BLOB NOT NULL REFERENCES rooms (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by BLOB NOT NULL REFERENCES members (id),
    -- The message under which its thread began.
    thread BLOB CHECK (length(thread) = 16),
    has_link INTEGER NOT NULL CHECK (has_link IN (0, 1)),
    deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))
) STRICT;

-- What may wait to be read in a room, and in a thread: all that counting has to look at.
CREATE INDEX messages_waiting ON messages (room, seq, by, deleted, thread) WHERE deleted = 0 AND thread IS NULL;

-- Ids of messages of deleted rooms: they are not to be given again.
CREATE TABLE spent_ids (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16)
) STRICT, WITHOUT ROWID;

CREATE INDEX messages_thread ON messages (thread, seq, by, deleted) WHERE thread IS NOT NULL;

-- How many messages stand under one, by its place in the log; newest: the row of the newest, last: its number.
CREATE TABLE threads (
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    replies INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- Who put which emoji under which message; added: the number of the event that did it.
CREATE TABLE reactions (
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    member BLOB NOT NULL REFERENCES members (id),
    added INTEGER NOT NULL,
    PRIMARY KEY (room, seq, emoji, member)
) STRICT, WITHOUT ROWID;

-- Which messages are pinned.
CREATE TABLE pins (
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- What messages said before they were edited; seq: the number of the event that brought it.
CREATE TABLE revisions (
    message BLOB NOT NULL CHECK (length(message) = 16),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (message, seq)
) STRICT, WITHOUT ROWID;

-- Who is mentioned where; an empty member stands for everyone in the room.
CREATE TABLE mentions (
    member BLOB NOT NULL,
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (member, room, seq)
) STRICT, WITHOUT ROWID;

-- The words of messages, without the messages. What leaves the index leaves no trace in it.
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
";

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) n: i64,
    pub(crate) room: RoomId,
    pub(crate) seq: Seq,
    pub(crate) by: MemberId,
    pub(crate) thread: Option<MessageId>,
    pub(crate) deleted: bool,
}

/// Takes up a message that is being appended, and says in which row it is.
pub(super) fn insert(
    conn: &Connection,
    (room, seq): (RoomId, Seq),
    by: MemberId,
    posted: &Posted,
    now: UnixMillis,
) -> Result<i64> {
    conn.prepare_cached(
        "INSERT INTO messages (id, room, seq, at, by, thread, has_link) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        posted.message.0.as_bytes(),
        room.0.as_bytes(),
        number(seq),
        now.0,
        by.0.as_bytes(),
        posted.thread.map(|root| *root.0.as_bytes()),
        has_link(&posted.text)
    ])?;
    let n = conn.last_insert_rowid();
    mention(conn, (room, seq), posted)?;
    if let Some(root) = posted.thread.map(|root| find(conn, root)).transpose()?.flatten() {
        conn.prepare_cached(
            "INSERT INTO threads (room, seq, replies, newest, last) VALUES (?1, ?2, 1, ?3, ?4)
             ON CONFLICT (room, seq) DO UPDATE SET replies = replies + 1, newest = ?3, last = ?4",
        )?
        .execute(params![root.room.0.as_bytes(), number(root.seq), n, number(seq)])?;
    }
    Ok(n)
}

pub(crate) fn find(conn: &Connection, id: MessageId) -> Result<Option<Place>> {
    conn.prepare_cached("SELECT n, room, seq, by, thread, deleted FROM messages WHERE id = ?")?
        .query_row([id.0.as_bytes()], |row| {
            let thread: Option<[u8; 16]> = row.get("thread").unwrap_or_default();
            Ok(Place {
                n: row.get("n")?,
                room: RoomId(uuid(row, "room")?),
                seq: Seq(whole(row.get("seq")?)),
                by: MemberId(uuid(row, "by")?),
                thread: thread.map(|root| MessageId(uuid::Uuid::from_bytes(root))),
                deleted: row.get("deleted")?,
            })
        })
        .optional()
}

/// Whether a message of a room that is no more had this id.
pub(crate) fn is_spent(conn: &Connection, id: MessageId) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM spent_ids WHERE id = ?")?.exists([id.0.as_bytes()])
}

/// Adds to a message what is kept beside the log.
pub(super) fn stand(conn: &Connection, (room, seq): (RoomId, Seq), posted: &mut Posted) -> Result<()> {
    let place = params![room.0.as_bytes(), number(seq)];
    let mut reactions =
        conn.prepare_cached("SELECT emoji, member FROM reactions WHERE room = ? AND seq = ? ORDER BY added")?;
    let mut rows = reactions.query(place)?;
    while let Some(row) = rows.next()? {
        // A damaged reaction is nobody's.
        let Ok(by) = uuid(row, "member").map(MemberId) else { continue };
        let emoji = text(row, "emoji")?;
        match posted.reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
            Some(reaction) => reaction.by.push(by),
            None => posted.reactions.push(Reaction { emoji, by: vec![by] }),
        }
    }
    posted.pinned = conn.prepare_cached("SELECT 1 FROM pins WHERE room = ? AND seq = ?")?.exists(place)?;
    Ok(())
}

/// Adds to a message, deleted or not, how long its thread is.
pub(super) fn stand_with_thread(
    conn: &Connection,
    (room, seq): (RoomId, Seq),
    posted: &mut Posted,
) -> Result<()> {
    let thread = conn
        .prepare_cached("SELECT replies, last FROM threads WHERE room = ? AND seq = ?")?
        .query_row(params![room.0.as_bytes(), number(seq)], |row| Ok((row.get(0)?, whole(row.get(1)?))))
        .optional()?;
    if let Some((replies, last)) = thread {
        (posted.replies, posted.replied) = (replies, Some(Seq(last)));
    }
    Ok(())
}

/// Gives a message another text. `edit` is the event that says so, `event` the one that posted it.
pub(crate) fn edit(conn: &Connection, place: Place, event: Event, edit: &Event) -> Result<()> {
    let (Change::Posted(mut posted), Change::Edited(edited)) = (event.change, edit.change.clone()) else {
        return Ok(());
    };
    let (brought, at) = match posted.edited {
        Some(seq) => (seq, drop_text(conn, event.room, seq)?.unwrap_or(event.at)),
        None => (event.seq, event.at),
    };
    conn.prepare_cached("INSERT INTO revisions (message, seq, at, text) VALUES (?, ?, ?, ?)")?
        .execute(params![posted.message.0.as_bytes(), number(brought), at.0, posted.text.0])?;
    let old = posted.text.clone();
    unmention(conn, (event.room, event.seq), &posted)?;
    posted.take(edit.seq, edit.by, &Change::Edited(edited));
    words::replace(conn, place.n, (&old, &posted.text))?;
    mention(conn, (event.room, event.seq), &posted)?;
    conn.prepare_cached("UPDATE messages SET has_link = ? WHERE n = ?")?
        .execute(params![has_link(&posted.text), place.n])?;
    rewrite(conn, (event.room, event.seq), posted)
}

/// Takes a message's text away from everywhere.
pub(crate) fn delete(conn: &Connection, place: Place, event: Event) -> Result<()> {
    let mut posted = match event.change {
        Change::Posted(posted) => posted,
        // A damaged row: what stands for it from now on says nothing at all.
        _ => in_its_place(conn, place)?,
    };
    if let Some(seq) = posted.edited {
        drop_text(conn, event.room, seq)?;
    }
    words::remove(conn, place.n, &posted.text)?;
    unmention(conn, (event.room, event.seq), &posted)?;
    conn.prepare_cached("DELETE FROM revisions WHERE message = ?")?.execute([posted.message.0.as_bytes()])?;
    let at = params![event.room.0.as_bytes(), number(event.seq)];
    conn.prepare_cached("DELETE FROM reactions WHERE room = ? AND seq = ?")?.execute(at)?;
    conn.prepare_cached("DELETE FROM pins WHERE room = ? AND seq = ?")?.execute(at)?;
    conn.prepare_cached("UPDATE messages SET deleted = 1, has_link = 0 WHERE n = ?")?.execute([place.n])?;
    posted.delete();
    rewrite(conn, (event.room, event.seq), posted)
}

/// What a message was posted as of which nothing can be read but where it stands.
fn in_its_place(conn: &Connection, place: Place) -> Result<Posted> {
    let id = conn
        .prepare_cached("SELECT id FROM messages WHERE n = ?")?
        .query_row([place.n], |row| Ok(MessageId(uuid(row, "id")?)))?;
    let mut posted = Posted::new(id, String::new().as_str().into());
    posted.n = posted_up_to(conn, place.room, Seq(place.seq.0.saturating_sub(1)))? + 1;
    posted.thread = place.thread;
    Ok(posted)
}

/// How many messages the room had up to `seq`.
pub(crate) fn posted_up_to(conn: &Connection, room: RoomId, seq: Seq) -> Result<u64> {
    let mut newest = conn.prepare_cached(
        "SELECT events.change AS change FROM messages
         JOIN events ON events.room = messages.room AND events.seq = messages.seq
         WHERE messages.room = ? AND messages.seq <= ? ORDER BY messages.seq DESC",
    )?;
    let mut rows = newest.query(params![room.0.as_bytes(), number(seq)])?;
    while let Some(row) = rows.next()? {
        // One that is damaged does not make the room an empty one.
        if let Ok(Change::Posted(posted)) = serde_json::from_str(&text(row, "change")?) {
            return Ok(posted.n);
        }
    }
    Ok(0)
}

/// Forgets all messages of a room that is being deleted.
pub(super) fn forget(conn: &Connection, room: RoomId) -> Result<()> {
    let mut living = conn.prepare_cached(
        "SELECT messages.n, events.change FROM messages JOIN events ON events.room = messages.room
         AND events.seq = messages.seq WHERE messages.room = ? AND messages.deleted = 0",
    )?;
    let mut rows = living.query([room.0.as_bytes()])?;
    while let Some(row) = rows.next()? {
        if let Ok(Change::Posted(posted)) = serde_json::from_str(&text(row, "change")?) {
            words::remove(conn, row.get("n")?, &posted.text)?;
        }
    }
    for sql in [
        "DELETE FROM revisions WHERE message IN (SELECT id FROM messages WHERE room = ?)",
        "INSERT OR IGNORE INTO spent_ids (id) SELECT id FROM messages WHERE room = ?",
        "DELETE FROM messages WHERE room = ?",
        "DELETE FROM threads WHERE room = ?",
        "DELETE FROM reactions WHERE room = ?",
        "DELETE FROM pins WHERE room = ?",
        "DELETE FROM mentions WHERE room = ?",
    ] {
        conn.prepare_cached(sql)?.execute([room.0.as_bytes()])?;
    }
    Ok(())
}

/// Says whether that is new.
pub(crate) fn react(conn: &Connection, place: Place, emoji: &str, by: MemberId, added: Seq) -> Result<()> {
    conn.prepare_cached("INSERT INTO reactions (room, seq, emoji, member, added) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![
            place.room.0.as_bytes(),
            number(place.seq),
            emoji,
            by.0.as_bytes(),
            number(added)
        ])?;
    Ok(())
}

/// Says whether it was there.
pub(crate) fn unreact(conn: &Connection, place: Place, emoji: &str, by: MemberId) -> Result<bool> {
    let removed = conn
        .prepare_cached("DELETE FROM reactions WHERE room = ? AND seq = ? AND emoji = ? AND member = ?")?
        .execute(params![place.room.0.as_bytes(), number(place.seq), emoji, by.0.as_bytes()])?;
    Ok(removed > 0)
}

/// Whether `by` has put `emoji` there, and how many different ones are there without it.
pub(crate) fn reacted(conn: &Connection, place: Place, emoji: &str, by: MemberId) -> Result<(bool, u64)> {
    conn.prepare_cached(
        "SELECT coalesce(max(emoji = ?3 AND member = ?4), 0), count(DISTINCT emoji) FILTER (WHERE emoji <> ?3)
         FROM reactions WHERE room = ?1 AND seq = ?2",
    )?
    .query_row(params![place.room.0.as_bytes(), number(place.seq), emoji, by.0.as_bytes()], |row| {
        Ok((row.get(0)?, whole(row.get(1)?)))
    })
}

/// Says whether it was not pinned before.
pub(crate) fn pin(conn: &Connection, place: Place) -> Result<bool> {
    let pinned = conn
        .prepare_cached("INSERT INTO pins (room, seq) VALUES (?, ?) ON CONFLICT DO NOTHING")?
        .execute(params![place.room.0.as_bytes(), number(place.seq)])?;
    Ok(pinned > 0)
}

/// Says whether it was pinned.
pub(crate) fn unpin(conn: &Connection, place: Place) -> Result<bool> {
    let unpinned = conn
        .prepare_cached("DELETE FROM pins WHERE room = ? AND seq = ?")?
        .execute(params![place.room.0.as_bytes(), number(place.seq)])?;
    Ok(unpinned > 0)
}

/// How many pins somebody in the room can see: those of before everybody's coming could be taken down by nobody.
pub(crate) fn count_pins(conn: &Connection, room: RoomId) -> Result<u64> {
    conn.prepare_cached(
        "SELECT count(*) FROM pins WHERE room = ?1 AND seq >= coalesce((
             SELECT min(since) FROM memberships JOIN rooms ON rooms.id = memberships.room
             WHERE memberships.room = ?1 AND rooms.reading = 'join'), 0)",
    )?
    .query_row([room.0.as_bytes()], |row| Ok(whole(row.get(0)?)))
}

/// The pinned messages of a room between two numbers, both excluded, newest first.
pub(crate) fn pinned(
    conn: &Connection,
    room: RoomId,
    (after, before): (Seq, Option<Seq>),
    limit: u32,
    budget: &mut usize,
) -> Result<Vec<Event>> {
    let sql = format!(
        "SELECT {} FROM pins JOIN events ON events.room = pins.room AND events.seq = pins.seq
         WHERE pins.room = ? AND pins.seq > ? AND pins.seq < ? ORDER BY pins.seq DESC LIMIT ?",
        events::COLUMNS
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let bounds = params![room.0.as_bytes(), number(after), before.map_or(i64::MAX, number), limit];
    events::fill(conn, statement.query(bounds)?, budget)
}

/// The messages of a thread after a number, ascending.
pub(crate) fn thread(
    conn: &Connection,
    root: MessageId,
    after: Seq,
    limit: u32,
    budget: &mut usize,
) -> Result<Vec<Event>> {
    let sql = format!(
        "SELECT {} FROM messages JOIN events ON events.room = messages.room AND events.seq = messages.seq
         WHERE messages.thread = ? AND messages.seq > ? ORDER BY messages.seq LIMIT ?",
        events::COLUMNS
    );
    let mut statement = conn.prepare_cached(&sql)?;
    events::fill(conn, statement.query(params![root.0.as_bytes(), number(after), limit])?, budget)
}

/// Whether the thread under `root` has a message after a number.
pub(crate) fn goes_beyond(conn: &Connection, root: MessageId, floor: Seq) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM messages WHERE thread = ? AND seq > ? LIMIT 1")?
        .exists(params![root.0.as_bytes(), number(floor)])
}

/// What a message said before, oldest first: at most `limit` after a number, and no more once `budget` bytes are used
/// up.
pub(crate) fn revisions(
    conn: &Connection,
    message: MessageId,
    after: Seq,
    limit: u32,
    budget: &mut usize,
) -> Result<Vec<Revision>> {
    let read = conn
        .prepare_cached(
            "SELECT seq, at, text FROM revisions WHERE message = ? AND seq > ? ORDER BY seq LIMIT ?",
        )?
        .query_map(params![message.0.as_bytes(), number(after), limit], |row| {
            Ok(Revision {
                seq: Seq(whole(row.get("seq")?)),
                at: UnixMillis(row.get("at")?),
                text: Text(text(row, "text")?),
            })
        })?
        .kept()?;
    let fits = |revision: &Revision| {
        let fits = *budget > 0;
        *budget = budget.saturating_sub(revision.text.0.len());
        fits
    };
    Ok(read.into_iter().take_while(fits).collect())
}

/// What a message said at first, if it was edited.
pub(crate) fn first_text(conn: &Connection, message: MessageId) -> Result<Option<Text>> {
    Ok(revisions(conn, message, Seq::ZERO, 1, &mut usize::MAX.clone())?.pop().map(|first| first.text))
}

/// Takes the text out of an edit, and says when the edit was.
fn drop_text(conn: &Connection, room: RoomId, seq: Seq) -> Result<Option<UnixMillis>> {
    let Some(Event { at, change: Change::Edited(mut edited), .. }) = events::stored(conn, room, seq)? else {
        return Ok(None);
    };
    edited.text = None;
    edited.mentions.clear();
    events::rewrite(conn, room, seq, &Change::Edited(edited))?;
    Ok(Some(at))
}

/// Writes a message into the log without what is kept beside it.
fn rewrite(conn: &Connection, (room, seq): (RoomId, Seq), mut posted: Posted) -> Result<()> {
    posted.reactions.clear();
    posted.pinned = false;
    (posted.replies, posted.replied) = (0, None);
    events::rewrite(conn, room, seq, &Change::Posted(posted))
}

fn mention(conn: &Connection, (room, seq): (RoomId, Seq), posted: &Posted) -> Result<()> {
    let mut insert = conn
        .prepare_cached("INSERT INTO mentions (member, room, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")?;
    for member in mentioned(posted) {
        insert.execute(params![member, room.0.as_bytes(), number(seq)])?;
    }
    Ok(())
}

fn unmention(conn: &Connection, (room, seq): (RoomId, Seq), posted: &Posted) -> Result<()> {
    let mut remove = conn.prepare_cached("DELETE FROM mentions WHERE member = ? AND room = ? AND seq = ?")?;
    for member in mentioned(posted) {
        remove.execute(params![member, room.0.as_bytes(), number(seq)])?;
    }
    Ok(())
}

fn mentioned(posted: &Posted) -> impl Iterator<Item = &[u8]> {
    let everyone = posted.mentions_room.then_some([].as_slice());
    posted.mentions.iter().map(|member| member.0.as_bytes().as_slice()).chain(everyone)
}

fn has_link(text: &Text) -> bool {
    text.0.contains("https://") || text.0.contains("http://")
}
