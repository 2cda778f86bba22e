//! The hosts this installation has joined, their pinned keys, their addresses, and who we are there.

use protocol::{HostId, Member, MemberId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::{from_word, uuid, word};

/// Most addresses kept of one host: a laptop that moves between networks has a few, a hostile announcer many.
pub(crate) const ADDRESSES: usize = 12;

const COLUMNS: &str = "n, id, name, device, hosted, member, member_name, member_role";

/// A host as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct HostRow {
    pub(crate) n: i64,
    pub(crate) id: HostId,
    pub(crate) name: String,
    pub(crate) device: String,
    pub(crate) hosted: bool,
    pub(crate) member: Option<Member>,
}

/// Pins a host and who we are there, and returns its row's number.
pub(crate) fn put(
    connection: &Connection,
    id: &HostId,
    name: &str,
    device: &str,
    hosted: bool,
    member: &Member,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO hosts (id, name, device, hosted, member, member_name, member_role)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE
             SET name = ?2, device = ?3, hosted = ?4, member = ?5, member_name = ?6, member_role = ?7
             RETURNING n",
        )?
        .query_row(
            params![
                id.digest().as_slice(),
                name,
                device,
                hosted,
                member.id.0.as_bytes().as_slice(),
                member.name,
                word(&member.role)
            ],
            |row| row.get(0),
        )
}

/// Takes what the host has just said of itself and of me.
pub(crate) fn update(connection: &Connection, n: i64, name: &str, member: &Member) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE hosts SET name = ?2, member = ?3, member_name = ?4, member_role = ?5 WHERE n = ?1",
        )?
        .execute(params![n, name, member.id.0.as_bytes().as_slice(), member.name, word(&member.role)])?;
    Ok(())
}

pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<HostRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM hosts ORDER BY n"))?
        .query_map([], host)?
        .collect()
}

pub(crate) fn find(connection: &Connection, id: &HostId) -> rusqlite::Result<Option<HostRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM hosts WHERE id = ?1"))?
        .query_row(params![id.digest().as_slice()], host)
        .optional()
}

/// Forgets the host, its log, its outbox, its session: everything by cascade.
pub(crate) fn remove(connection: &Connection, n: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM hosts WHERE n = ?1")?.execute(params![n])?;
    Ok(())
}

pub(crate) fn addresses(connection: &Connection, n: i64) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT address FROM addresses WHERE host = ?1 ORDER BY position")?
        .query_map(params![n], |row| row.get(0))?
        .collect()
}

/// Puts `newer` before what is known, keeps each once and at most [`ADDRESSES`].
pub(crate) fn learn(connection: &Connection, n: i64, newer: &[String]) -> rusqlite::Result<Vec<String>> {
    let mut all = newer.to_vec();
    all.extend(addresses(connection, n)?);
    let mut seen = std::collections::HashSet::new();
    all.retain(|address| seen.insert(address.clone()));
    all.truncate(ADDRESSES);
    connection.prepare_cached("DELETE FROM addresses WHERE host = ?1")?.execute(params![n])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO addresses (host, position, address) VALUES (?1, ?2, ?3)")?;
    for (position, address) in (0i64..).zip(&all) {
        insert.execute(params![n, position, address])?;
    }
    Ok(all)
}

fn host(row: &Row<'_>) -> rusqlite::Result<HostRow> {
    let member = MemberId(uuid(row, 5)?);
    let (name, role) = (row.get(6)?, from_word(row.get(7)?));
    Ok(HostRow {
        n: row.get(0)?,
        id: HostId::from_digest(row.get(1)?),
        name: row.get(2)?,
        device: row.get(3)?,
        hosted: row.get(4)?,
        member: role.map(|role| Member::named(member, name, role)),
    })
}
