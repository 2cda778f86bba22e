//! How far devices have told that they keep a room's log. Written lazily, many at a time: see `lately`.

use std::collections::HashMap;

use protocol::{DeviceId, MemberId, RoomId, Seq};
use vault::rusqlite::{Connection, Result, params};

use super::events::number;
use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- How far devices have told that they keep a room's log.
CREATE TABLE cursors (
    device BLOB NOT NULL REFERENCES sessions (device) ON DELETE CASCADE,
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (device, room)
) STRICT, WITHOUT ROWID;
";

/// How many devices, and members, have got a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reach {
    pub(crate) devices: u32,
    pub(crate) delivered: u32,
    pub(crate) members: u32,
    pub(crate) reached: u32,
}

/// Moves a device on in a room its member is in, never back and never beyond the log.
pub(crate) fn advance(conn: &Connection, device: DeviceId, room: RoomId, seq: Seq) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO cursors (device, room, seq)
         SELECT sessions.device, rooms.id, min(?3, rooms.head) FROM sessions
         JOIN memberships ON memberships.member = sessions.member AND memberships.room = ?2
         JOIN rooms ON rooms.id = memberships.room WHERE sessions.device = ?1
         ON CONFLICT (device, room) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq",
    )?
    .execute(params![device.0.as_bytes(), room.0.as_bytes(), number(seq)])?;
    Ok(())
}

/// Forgets what the devices of `member` keep of a room.
pub(super) fn leave(conn: &Connection, room: RoomId, member: MemberId) -> Result<()> {
    conn.prepare_cached(
        "DELETE FROM cursors WHERE room = ?1 AND device IN (SELECT device FROM sessions WHERE member = ?2)",
    )?
    .execute(params![room.0.as_bytes(), member.0.as_bytes()])?;
    Ok(())
}

/// Who of those that were in `room` at `seq`, and are, has got it, but for `author`; `told` is what is not yet stored.
pub(crate) fn reach(
    conn: &Connection,
    (room, seq): (RoomId, Seq),
    author: MemberId,
    told: &HashMap<(DeviceId, RoomId), Seq>,
) -> Result<Reach> {
    let mut statement = conn.prepare_cached(
        "SELECT memberships.member AS member, sessions.device AS device, coalesce(cursors.seq, 0) AS seq
         FROM memberships JOIN sessions ON sessions.member = memberships.member
         LEFT JOIN cursors ON cursors.device = sessions.device AND cursors.room = memberships.room
         WHERE memberships.room = ?1 AND memberships.since <= ?2 AND memberships.member <> ?3
         ORDER BY memberships.member",
    )?;
    let mut rows = statement.query(params![room.0.as_bytes(), number(seq), author.0.as_bytes()])?;
    let (mut reach, mut before, mut got_before) = (Reach::default(), None, false);
    while let Some(row) = rows.next()? {
        let (member, device) = (MemberId(uuid(row, "member")?), DeviceId(uuid(row, "device")?));
        let kept = Seq(whole(row.get("seq")?)).max(told.get(&(device, room)).copied().unwrap_or_default());
        let got = kept >= seq;
        if before.replace(member) != Some(member) {
            reach.members += 1;
            got_before = false;
        }
        reach.devices += 1;
        reach.delivered += u32::from(got);
        reach.reached += u32::from(got && !got_before);
        got_before |= got;
    }
    Ok(reach)
}
