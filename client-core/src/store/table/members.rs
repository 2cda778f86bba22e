//! The members of a host, for their names. Who is online is never stored.

use protocol::{Member, MemberId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{from_word, uuid, word};

/// Takes a member as they are now; returns whether that is news.
pub(crate) fn put(connection: &Connection, host: i64, member: &Member) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "INSERT INTO members (host, id, name, role, standing) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (host, id) DO UPDATE SET name = ?3, role = ?4, standing = ?5
             WHERE name <> ?3 OR role <> ?4 OR standing <> ?5",
        )?
        .execute(params![
            host,
            member.id.0.as_bytes().as_slice(),
            member.name,
            word(&member.role),
            word(&member.standing)
        ])?;
    Ok(changed > 0)
}

/// Those who are members now, by name.
pub(crate) fn list(connection: &Connection, host: i64) -> rusqlite::Result<Vec<Member>> {
    connection
        .prepare_cached(
            "SELECT id, name, role FROM members WHERE host = ?1 AND standing = 'active'
             ORDER BY name COLLATE NOCASE, id",
        )?
        .query_map(params![host], |row| {
            let role = from_word(row.get(2)?).unwrap_or(protocol::Role::Guest);
            Ok(Member::named(MemberId(uuid(row, 0)?), row.get(1)?, role))
        })?
        .collect()
}

pub(crate) fn name(connection: &Connection, host: i64, id: MemberId) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT name FROM members WHERE host = ?1 AND id = ?2")?
        .query_row(params![host, id.0.as_bytes().as_slice()], |row| row.get(0))
        .optional()
}
