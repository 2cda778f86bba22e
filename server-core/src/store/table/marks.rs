//! How far each member has read, and what else is a member's own. Counted anew at every look.

use protocol::{Attention, MemberId, Progress, RoomId, Seq, counts};
use vault::rusqlite::{Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::events::number;
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

/// What is asked for when progress is read; the member is the first parameter.
const PROGRESS: &str =
    "SELECT memberships.room AS room, rooms.posted AS posted, coalesce(marks.seq, 0) AS mark,
    coalesce(marks.posted, 0) AS marked, coalesce(marks.attention, 'all') AS attention,
    (SELECT count(DISTINCT mentions.seq) FROM mentions WHERE mentions.member IN (?1, x'')
     AND mentions.room = memberships.room AND mentions.seq > coalesce(marks.seq, 0)) AS mentions
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

/// How many messages the room had up to `seq`.
pub(crate) fn posted_up_to(conn: &Connection, room: RoomId, seq: Seq) -> Result<u64> {
    let newest: Option<String> = conn
        .prepare_cached(
            "SELECT change FROM events WHERE room = ? AND seq <= ? AND change LIKE '{\"kind\":\"posted\"%'
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![room.0.as_bytes(), number(seq)], |row| row.get(0))
        .optional()?;
    let newest = newest.and_then(|change| serde_json::from_str(&change).ok());
    Ok(if let Some(protocol::Change::Posted(posted)) = newest { posted.n } else { 0 })
}

pub(crate) fn of_member(conn: &Connection, member: MemberId, limit: u32) -> Result<Vec<Progress>> {
    conn.prepare_cached(&format!("{PROGRESS} LIMIT ?2"))?
        .query_map(params![member.0.as_bytes(), limit], read)?
        .collect()
}

pub(crate) fn of_room(conn: &Connection, member: MemberId, room: RoomId) -> Result<Option<Progress>> {
    conn.prepare_cached(&format!("{PROGRESS} AND memberships.room = ?2"))?
        .query_row(params![member.0.as_bytes(), room.0.as_bytes()], read)
        .optional()
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

/// Those in `room` who have read up to `seq` and let others see it, but for `author`.
pub(crate) fn readers(
    conn: &Connection,
    room: RoomId,
    seq: Seq,
    author: MemberId,
    limit: u32,
) -> Result<Vec<MemberId>> {
    conn.prepare_cached(
        "SELECT memberships.member FROM memberships
         JOIN marks ON marks.member = memberships.member AND marks.room = memberships.room
         WHERE memberships.room = ?1 AND marks.seq >= ?2 AND memberships.member <> ?3
         AND NOT EXISTS (SELECT 1 FROM privates WHERE privates.member = memberships.member AND receipts = 0)
         ORDER BY memberships.member LIMIT ?4",
    )?
    .query_map(params![room.0.as_bytes(), number(seq), author.0.as_bytes(), limit], |row| {
        Ok(MemberId(uuid(row, 0)?))
    })?
    .collect()
}

fn read(row: &SqlRow<'_>) -> Result<Progress> {
    let attention = match row.get::<_, String>("attention")?.as_str() {
        "mentions" => Attention::Mentions,
        "nothing" => Attention::Nothing,
        _ => Attention::All,
    };
    let marked = whole(row.get("marked")?);
    let (posted, mentions) = (whole(row.get("posted")?), whole(row.get("mentions")?));
    let (unread, mentions) = counts::waiting(posted, marked, mentions, attention);
    Ok(Progress {
        room: RoomId(uuid(row, "room")?),
        mark: Seq(whole(row.get("mark")?)),
        marked,
        attention,
        unread,
        mentions,
    })
}

const fn word(attention: Attention) -> &'static str {
    match attention {
        Attention::All => "all",
        Attention::Mentions => "mentions",
        Attention::Nothing => "nothing",
    }
}
