//! Who follows which thread, and how far they have read it. What waits there is counted anew at every look.

use protocol::{MemberId, MessageId, Posted, RoomId, Seq, ThreadProgress, UnixMillis, counts};
use vault::rusqlite::{Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::events::number;
use super::marks::{attention, counted};
use super::messages::Place;
use crate::store::kept::text;
use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- Who follows which thread. root: the row of the message under which it began; mark: how far they have read it;
-- followed: 0 once they want it no more, until they answer in it or are mentioned in it again.
CREATE TABLE follows (
    member BLOB NOT NULL REFERENCES members (id),
    root INTEGER NOT NULL,
    room BLOB NOT NULL REFERENCES rooms (id),
    mark INTEGER NOT NULL,
    followed INTEGER NOT NULL CHECK (followed IN (0, 1)),
    PRIMARY KEY (member, root)
) STRICT, WITHOUT ROWID;
";

/// What is asked for when a thread is read: whose eyes, and under which message it began. What counts is what
/// [`counts::weigh`] says, after the mark and within what they may read.
pub(crate) const THREAD: &str =
    "SELECT root.room AS room, root.id AS root, coalesce(follows.followed, 0) AS followed,
    coalesce(follows.mark, 0) AS mark, coalesce(threads.replies, 0) AS replies,
    coalesce(newest.id, root.id) AS newest, coalesce(newest.at, root.at) AS at,
    rooms.head AS head, coalesce(marks.attention, 'all') AS attention,
    (SELECT count(*) FROM (SELECT 1 FROM messages WHERE messages.thread = root.id
        AND messages.seq > max(follows.mark, iif(rooms.reading = 'join', memberships.since - 1, 0))
        AND deleted = 0 AND messages.by <> ?1
        AND messages.by NOT IN (SELECT other FROM relations WHERE relations.member = ?1 AND kind = 'blocked')
        LIMIT 1000)) AS messages,
    (SELECT count(*) FROM (SELECT 1 FROM messages WHERE messages.thread = root.id
        AND messages.seq > max(follows.mark, iif(rooms.reading = 'join', memberships.since - 1, 0))
        AND deleted = 0 AND messages.by <> ?1
        AND messages.by NOT IN (SELECT other FROM relations WHERE relations.member = ?1 AND kind = 'blocked')
        AND EXISTS (SELECT 1 FROM mentions WHERE mentions.member IN (?1, x'') AND mentions.room = root.room
            AND mentions.seq = messages.seq) LIMIT 1000)) AS mentions
    FROM messages AS root JOIN rooms ON rooms.id = root.room
    JOIN memberships ON memberships.room = root.room AND memberships.member = ?1
    LEFT JOIN follows ON follows.member = ?1 AND follows.root = root.n
    LEFT JOIN threads ON threads.room = root.room AND threads.seq = root.seq
    LEFT JOIN messages AS newest ON newest.n = threads.newest
    LEFT JOIN marks ON marks.member = ?1 AND marks.room = root.room
    WHERE root.id = ?2";

/// Takes a message of a thread that `root` began. Says who follows the thread by it that did not before.
pub(crate) fn answered(
    conn: &Connection,
    root: Place,
    (seq, by): (Seq, MemberId),
    posted: &Posted,
) -> Result<Vec<MemberId>> {
    let mut fresh = Vec::new();
    // What one says oneself, one has read.
    if follow(conn, root, by, seq)? {
        fresh.push(by);
    }
    fresh.extend(mentioned(conn, root, (seq, by), posted)?);
    if root.by != by && !fresh.contains(&root.by) && begin(conn, root, seq)? {
        fresh.push(root.by);
    }
    Ok(fresh)
}

/// Those whom a message of a thread mentions follow it from that message on; says which did not before.
pub(crate) fn mentioned(
    conn: &Connection,
    root: Place,
    (seq, by): (Seq, MemberId),
    posted: &Posted,
) -> Result<Vec<MemberId>> {
    let mut fresh = Vec::new();
    for member in posted.mentions.iter().filter(|member| **member != by) {
        if follow(conn, root, *member, before(seq))? {
            fresh.push(*member);
        }
    }
    Ok(fresh)
}

/// Lets `member` follow a thread, all up to `mark` being read. Says whether they did not before.
pub(crate) fn follow(conn: &Connection, root: Place, member: MemberId, mark: Seq) -> Result<bool> {
    let changed = conn
        .prepare_cached(
            "INSERT INTO follows (member, root, room, mark, followed) VALUES (?1, ?2, ?3, ?4, 1)
             ON CONFLICT (member, root) DO UPDATE SET followed = 1, mark = ?4 WHERE followed = 0",
        )?
        .execute(params![member.0.as_bytes(), root.n, root.room.0.as_bytes(), number(mark)])?;
    Ok(changed > 0)
}

/// Whoever wrote the message under which a thread begins follows it, if they are in the room and did not decide.
fn begin(conn: &Connection, root: Place, seq: Seq) -> Result<bool> {
    let changed = conn
        .prepare_cached(
            "INSERT INTO follows (member, root, room, mark, followed)
             SELECT member, ?2, room, ?4, 1 FROM memberships WHERE room = ?3 AND member = ?1
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![root.by.0.as_bytes(), root.n, root.room.0.as_bytes(), number(before(seq))])?;
    Ok(changed > 0)
}

/// Lets `member` follow a thread no more.
pub(crate) fn unfollow(conn: &Connection, root: Place, member: MemberId) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO follows (member, root, room, mark, followed) VALUES (?1, ?2, ?3, 0, 0)
         ON CONFLICT (member, root) DO UPDATE SET followed = 0",
    )?
    .execute(params![member.0.as_bytes(), root.n, root.room.0.as_bytes()])?;
    Ok(())
}

/// Puts the mark of one who follows.
pub(crate) fn mark(conn: &Connection, root: Place, member: MemberId, mark: Seq) -> Result<()> {
    conn.prepare_cached("UPDATE follows SET mark = ?3 WHERE member = ?1 AND root = ?2")?.execute(params![
        member.0.as_bytes(),
        root.n,
        number(mark)
    ])?;
    Ok(())
}

/// Forgets what `member` followed in a room.
pub(super) fn leave(conn: &Connection, room: RoomId, member: MemberId) -> Result<()> {
    conn.prepare_cached("DELETE FROM follows WHERE member = ? AND room = ?")?
        .execute(params![member.0.as_bytes(), room.0.as_bytes()])?;
    Ok(())
}

/// How far `member`, who is in the room, is in the thread under `root`; `None` if that is no message.
pub(crate) fn of_thread(
    conn: &Connection,
    member: MemberId,
    root: MessageId,
) -> Result<Option<ThreadProgress>> {
    conn.prepare_cached(THREAD)?.query_row(params![member.0.as_bytes(), root.0.as_bytes()], read).optional()
}

/// The threads `member` follows, those with the newest messages first, before the row `n`; with `unread`, only those
/// in which something waits.
pub(crate) fn of_member(
    conn: &Connection,
    member: MemberId,
    (n, unread): (i64, bool),
    limit: usize,
) -> Result<Vec<ThreadProgress>> {
    let mut statement = conn.prepare_cached(
        "SELECT root.id AS id FROM follows JOIN messages AS root ON root.n = follows.root
         JOIN rooms ON rooms.id = root.room
         JOIN memberships ON memberships.room = root.room AND memberships.member = ?1
         LEFT JOIN threads ON threads.room = root.room AND threads.seq = root.seq
         WHERE follows.member = ?1 AND followed = 1 AND coalesce(threads.newest, root.n) < ?2
         AND coalesce(threads.last, root.seq) >= iif(rooms.reading = 'join', memberships.since, 0)
         AND (?3 = 0 OR threads.last > follows.mark) ORDER BY coalesce(threads.newest, root.n) DESC",
    )?;
    let mut rows = statement.query(params![member.0.as_bytes(), n, unread])?;
    let mut threads = Vec::new();
    while threads.len() < limit
        && let Some(row) = rows.next()?
    {
        let thread = of_thread(conn, member, MessageId(uuid(row, "id")?))?;
        threads.extend(thread.filter(|thread| !unread || thread.unread > 0));
    }
    Ok(threads)
}

fn read(row: &SqlRow<'_>) -> Result<ThreadProgress> {
    let followed: bool = row.get("followed")?;
    let counted = if followed { counted(row)? } else { counts::Weight::default() };
    let (unread, mentions) = counts::waiting(counted, attention(&text(row, "attention")?));
    Ok(ThreadProgress {
        room: RoomId(uuid(row, "room")?),
        message: MessageId(uuid(row, "root")?),
        followed,
        mark: Seq(whole(row.get("mark")?)),
        unread,
        mentions,
        replies: row.get("replies")?,
        newest: MessageId(uuid(row, "newest")?),
        at: UnixMillis(row.get("at")?),
        head: Seq(whole(row.get("head")?)),
    })
}

const fn before(seq: Seq) -> Seq {
    Seq(seq.0.saturating_sub(1))
}
