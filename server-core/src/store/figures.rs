//! How much there is of everything, counted when asked.

use protocol::{RoomId, Statistics, TallyOfDay, UnixMillis};
use vault::rusqlite::{Connection, Result, params};

use super::{uuid, whole};
use crate::admin::Figures;

pub(crate) fn count(conn: &Connection) -> Result<Figures> {
    let sql = "SELECT (SELECT count(*) FROM members WHERE standing <> 'gone') AS members, (SELECT count(*) FROM sessions) AS sessions,
        (SELECT count(*) FROM rooms) AS rooms, (SELECT coalesce(sum(head), 0) FROM rooms) AS events,
        (SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()) AS bytes";
    conn.prepare_cached(sql)?.query_row([], |row| {
        let number = |column: &str| Ok::<_, vault::rusqlite::Error>(whole(row.get(column)?));
        Ok(Figures {
            members: number("members")?,
            online: 0,
            sessions: number("sessions")?,
            rooms: number("rooms")?,
            events: number("events")?,
            database_bytes: number("bytes")?,
        })
    })
}

const DAY_MS: i64 = 24 * 3600 * 1000;

/// How many days are looked back.
const DAYS: i64 = 30;

/// How much the host is used, with at most `limit` tallies.
pub(crate) fn statistics(conn: &Connection, now: UnixMillis, limit: u32) -> Result<Statistics> {
    let all = count(conn)?;
    let messages = conn
        .prepare_cached("SELECT coalesce(sum(posted), 0) FROM rooms")?
        .query_row([], |row| Ok(whole(row.get(0)?)))?;
    // The newest messages are the last rows: going back from there, the first old one ends the look.
    let since = now.0 - DAYS * DAY_MS;
    let days = conn
        .prepare_cached(
            "SELECT at / ?2 * ?2 AS day, room, count(*) AS messages FROM messages
             WHERE n > coalesce((SELECT n FROM messages WHERE at < ?1 ORDER BY n DESC LIMIT 1), 0)
             GROUP BY 1, 2 ORDER BY 1 DESC, 3 DESC LIMIT ?3",
        )?
        .query_map(params![since, DAY_MS, limit], |row| {
            Ok(TallyOfDay {
                day: UnixMillis(row.get("day")?),
                room: RoomId(uuid(row, "room")?),
                messages: u32::try_from(whole(row.get("messages")?)).unwrap_or(u32::MAX),
            })
        })?
        .collect::<Result<_>>()?;
    Ok(Statistics { members: all.members, rooms: all.rooms, messages, bytes: all.database_bytes, days })
}
