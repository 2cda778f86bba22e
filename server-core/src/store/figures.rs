//! How much there is of everything, counted when asked.

use vault::rusqlite::{Connection, Result};

use super::whole;
use crate::admin::Figures;

pub(crate) fn count(conn: &Connection) -> Result<Figures> {
    let sql = "SELECT (SELECT count(*) FROM members) AS members, (SELECT count(*) FROM sessions) AS sessions,
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
