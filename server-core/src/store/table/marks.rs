//! How far each member has read, and what else is a member's own. Counted anew at every look.

use protocol::{Attention, MemberId, Progress, RoomId, Seq, counts};
use vault::rusqlite::{Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::events::number;
use crate::store::kept::{Kept, text};
use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- How far members have read; posted: how many messages the room had up to there.
CREATE TABLE marks (
    member BLOB NOT NULL REFERENCES members (id),
    room BLOB NOT NULL REFERENCES rooms (id),
    seq INTEGER NOT NULL,
    posted INTEGER NOT NULL,
    attention TEXT NOT NULL DEFAULT 'all' CHECK (attention IN ('all', 'mentions', 'nothing')),
    PRIMARY KEY (member, room)
) STRICT, WITHOUT ROWID;

CREATE INDEX marks_room ON marks (room, seq);

-- What else is a member's own; number: how many changes of their own they have made.
CREATE TABLE privates (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    number INTEGER NOT NULL DEFAULT 0,
    -- Whether others may see how far they have read.
    receipts INTEGER NOT NULL DEFAULT 1 CHECK (receipts IN (0, 1))
) STRICT, WITHOUT ROWID;
";

/// What is asked for when progress is read; the member is the first parameter. That which counts is what
/// [`counts::weigh`] says, after the mark and what they may read.
pub(crate) const PROGRESS: &str =
    "SELECT memberships.room AS room, rooms.head AS head, coalesce(marks.seq, 0) AS mark,
    coalesce(marks.posted, 0) AS marked, coalesce(marks.attention, 'all') AS attention,
    (SELECT count(*) FROM (SELECT 1 FROM messages WHERE messages.room = memberships.room
        AND messages.seq > max(coalesce(marks.seq, 0), iif(rooms.reading = 'join', memberships.since - 1, 0))
        AND deleted = 0 AND thread IS NULL AND messages.by <> ?1
        AND messages.by NOT IN (SELECT other FROM relations WHERE relations.member = ?1 AND kind = 'blocked')
        LIMIT 1000)) AS messages,
    (SELECT count(DISTINCT mentions.seq) FROM mentions JOIN messages ON messages.room = mentions.room
        AND messages.seq = mentions.seq AND deleted = 0 AND thread IS NULL
        WHERE mentions.member IN (?1, x'') AND mentions.room = memberships.room
        AND mentions.seq > max(coalesce(marks.seq, 0), iif(rooms.reading = 'join', memberships.since - 1, 0))
        AND messages.by <> ?1
        AND messages.by NOT IN (SELECT other FROM relations WHERE relations.member = ?1 AND kind = 'blocked')
    ) AS mentions
    FROM memberships JOIN rooms ON rooms.id = memberships.room
    LEFT JOIN marks ON marks.member = memberships.member AND marks.room = memberships.room
    WHERE memberships.member = ?1";

/// Puts the mark of `member`, who has read up to the event `seq`, before which there were `posted` messages.
pub(crate) fn set(
    conn: &Connection,
    member: MemberId,
    room: RoomId,
    (seq, posted): (Seq, u64),
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO marks (member, room, seq, posted) VALUES (?, ?, ?, ?)
         ON CONFLICT (member, room) DO UPDATE SET seq = excluded.seq, posted = excluded.posted",
    )?
    .execute(params![
        member.0.as_bytes(),
        room.0.as_bytes(),
        number(seq),
        i64::try_from(posted).unwrap_or(i64::MAX)
    ])?;
    Ok(())
}

pub(crate) fn attend(conn: &Connection, member: MemberId, room: RoomId, attention: Attention) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO marks (member, room, seq, posted, attention) VALUES (?, ?, 0, 0, ?)
         ON CONFLICT (member, room) DO UPDATE SET attention = excluded.attention",
    )?
    .execute(params![member.0.as_bytes(), room.0.as_bytes(), word(attention)])?;
    Ok(())
}

pub(crate) fn of_member(conn: &Connection, member: MemberId, limit: u32) -> Result<Vec<Progress>> {
    conn.prepare_cached(&format!("{PROGRESS} LIMIT ?2"))?
        .query_map(params![member.0.as_bytes(), limit], read)?
        .kept()
}

pub(crate) fn of_room(conn: &Connection, member: MemberId, room: RoomId) -> Result<Option<Progress>> {
    conn.prepare_cached(&format!("{PROGRESS} AND memberships.room = ?2"))?
        .query_row(params![member.0.as_bytes(), room.0.as_bytes()], read)
        .optional()
}

/// How many changes of their own a member has made.
pub(crate) fn last_number(conn: &Connection, member: MemberId) -> Result<u64> {
    conn.prepare_cached("SELECT coalesce((SELECT number FROM privates WHERE member = ?), 0)")?
        .query_row([member.0.as_bytes()], |row| Ok(whole(row.get(0)?)))
}

/// Counts one more change of a member's own.
pub(crate) fn next_number(conn: &Connection, member: MemberId) -> Result<u64> {
    conn.prepare_cached(
        "INSERT INTO privates (member, number) VALUES (?, 1)
         ON CONFLICT (member) DO UPDATE SET number = number + 1 RETURNING number",
    )?
    .query_row([member.0.as_bytes()], |row| Ok(whole(row.get(0)?)))
}

pub(crate) fn show_receipts(conn: &Connection, member: MemberId, shown: bool) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO privates (member, receipts) VALUES (?, ?)
         ON CONFLICT (member) DO UPDATE SET receipts = excluded.receipts",
    )?
    .execute(params![member.0.as_bytes(), shown])?;
    Ok(())
}

/// Those in `room` who have read up to `seq` and let others see it, but for `author`. `root` is the row of the message
/// under which the thread began, for one that stands in a thread: then those who follow it and have read that far. Up to
/// `limit` after `after`, in the order of their ids.
pub(crate) fn readers(
    conn: &Connection,
    (room, seq, root): (RoomId, Seq, Option<i64>),
    author: MemberId,
    after: Option<MemberId>,
    limit: u32,
) -> Result<Vec<MemberId>> {
    let after = after.map_or([0; 16], |id| *id.0.as_bytes());
    // Who came in later starts with a mark beyond what was said before.
    conn.prepare_cached(
        "SELECT memberships.member FROM memberships
         WHERE memberships.room = ?1 AND memberships.since <= ?2 AND memberships.member <> ?3
         AND memberships.member > ?6
         AND iif(?4 IS NULL,
             (SELECT marks.seq FROM marks WHERE marks.member = memberships.member AND marks.room = ?1),
             (SELECT mark FROM follows WHERE follows.member = memberships.member AND root = ?4 AND followed = 1)
         ) >= ?2
         AND NOT EXISTS (SELECT 1 FROM privates WHERE privates.member = memberships.member AND receipts = 0)
         ORDER BY memberships.member LIMIT ?5",
    )?
    .query_map(params![room.0.as_bytes(), number(seq), author.0.as_bytes(), root, limit, after], |row| {
        Ok(MemberId(uuid(row, 0)?))
    })?
    .kept()
}

/// Forgets how far a member has read, and what else was theirs alone.
pub(crate) fn forget(conn: &Connection, member: MemberId) -> Result<()> {
    for sql in ["DELETE FROM marks WHERE member = ?", "DELETE FROM privates WHERE member = ?"] {
        conn.prepare_cached(sql)?.execute([member.0.as_bytes()])?;
    }
    Ok(())
}

fn read(row: &SqlRow<'_>) -> Result<Progress> {
    let attention = attention(&text(row, "attention")?);
    let (unread, mentions) = counts::waiting(counted(row)?, attention);
    Ok(Progress {
        room: RoomId(uuid(row, "room")?),
        mark: Seq(whole(row.get("mark")?)),
        marked: whole(row.get("marked")?),
        attention,
        unread,
        mentions,
        head: Seq(whole(row.get("head")?)),
    })
}

/// The columns `messages` and `mentions`.
pub(super) fn counted(row: &SqlRow<'_>) -> Result<counts::Weight> {
    Ok(counts::Weight { messages: whole(row.get("messages")?), mentions: whole(row.get("mentions")?) })
}

pub(super) fn attention(word: &str) -> Attention {
    match word {
        "mentions" => Attention::Mentions,
        "nothing" => Attention::Nothing,
        _ => Attention::All,
    }
}

const fn word(attention: Attention) -> &'static str {
    match attention {
        Attention::All => "all",
        Attention::Mentions => "mentions",
        Attention::Nothing => "nothing",
    }
}
