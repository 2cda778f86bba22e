//! Signed-in devices. A token is stored as its hash only.

use protocol::{Device, DeviceId, MemberId, UnixMillis};
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

use crate::store::kept::{Kept, text};
use crate::store::{if_writable, uuid};

pub(crate) const SCHEMA: &str = "
-- Signed-in devices.
CREATE TABLE sessions (
    device BLOB NOT NULL PRIMARY KEY CHECK (length(device) = 16),
    member BLOB NOT NULL REFERENCES members (id),
    -- SHA-256 of the token: 256 random bits need no slow hash.
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    -- From which network address it was last heard.
    address TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_member ON sessions (member);
";

/// `last_seen` is kept this exact, in milliseconds: a resume storm then writes next to nothing.
const SEEN_STEP: i64 = 60_000;

pub(crate) fn insert(
    conn: &Connection,
    (member, device): (MemberId, DeviceId),
    token_hash: &[u8; 32],
    (name, address): (&str, &str),
    now: UnixMillis,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO sessions (device, member, token_hash, name, created_at, last_seen, address)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
    )?
    .execute(params![device.0.as_bytes(), member.0.as_bytes(), token_hash, name, now.0, address])?;
    Ok(())
}

/// Whose session has this token.
pub(crate) fn by_token(conn: &Connection, token_hash: &[u8; 32]) -> Result<Option<(MemberId, DeviceId)>> {
    conn.prepare_cached("SELECT member, device FROM sessions WHERE token_hash = ?")?
        .query_row([token_hash], |row| Ok((MemberId(uuid(row, 0)?), DeviceId(uuid(row, 1)?))))
        .optional()
}

/// Whether `member` has a session on this device.
pub(crate) fn stands(conn: &Connection, member: MemberId, device: DeviceId) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM sessions WHERE device = ? AND member = ?")?
        .exists(params![device.0.as_bytes(), member.0.as_bytes()])
}

/// Notes that the device was here, by which name and from where. Whoever has a session comes in on a full disk, too.
pub(crate) fn seen(
    conn: &Connection,
    device: DeviceId,
    (name, address): (&str, &str),
    now: UnixMillis,
) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "UPDATE sessions SET last_seen = ?2, name = ?3, address = ?5
         WHERE device = ?1 AND (last_seen < ?2 - ?4 OR name <> ?3 OR address <> ?5)",
    )?;
    if_writable(statement.execute(params![device.0.as_bytes(), now.0, name, SEEN_STEP, address]))
}

/// Notes when the connection of a device ended.
pub(crate) fn left(conn: &Connection, device: DeviceId, at: UnixMillis) -> Result<()> {
    conn.prepare_cached("UPDATE sessions SET last_seen = ?2 WHERE device = ?1 AND last_seen < ?2")?
        .execute(params![device.0.as_bytes(), at.0])?;
    Ok(())
}

/// When the devices of `member` were last here, as far as it is stored.
pub(crate) fn last_seen(conn: &Connection, member: MemberId) -> Result<Vec<(DeviceId, UnixMillis)>> {
    conn.prepare_cached("SELECT device, last_seen FROM sessions WHERE member = ?")?
        .query_map([member.0.as_bytes()], |row| Ok((DeviceId(uuid(row, 0)?), UnixMillis(row.get(1)?))))?
        .kept()
}

/// Where the devices of `member` came from last.
pub(crate) fn addresses(conn: &Connection, member: MemberId) -> Result<Vec<String>> {
    conn.prepare_cached("SELECT DISTINCT address FROM sessions WHERE member = ?")?
        .query_map([member.0.as_bytes()], |row| text(row, 0))?
        .kept()
}

/// Ends a session of `member`. Says whether there was one.
pub(crate) fn remove(conn: &Connection, member: MemberId, device: DeviceId) -> Result<bool> {
    let removed = conn
        .prepare_cached("DELETE FROM sessions WHERE device = ? AND member = ?")?
        .execute(params![device.0.as_bytes(), member.0.as_bytes()])?;
    Ok(removed > 0)
}

/// Ends all sessions of `member`, and says which.
pub(crate) fn remove_all(conn: &Connection, member: MemberId) -> Result<Vec<DeviceId>> {
    conn.prepare_cached("DELETE FROM sessions WHERE member = ? RETURNING device")?
        .query_map([member.0.as_bytes()], |row| Ok(DeviceId(uuid(row, "device")?)))?
        .kept()
}

/// Ends all sessions of `member` but those `here` and `keep` of those that were here last, and says which.
pub(crate) fn remove_oldest(
    conn: &Connection,
    member: MemberId,
    keep: u32,
    here: &[DeviceId],
) -> Result<Vec<DeviceId>> {
    let mut old = conn
        .prepare_cached(
            "SELECT device FROM sessions WHERE member = ? ORDER BY last_seen DESC, device DESC LIMIT -1 OFFSET ?",
        )?
        .query_map(params![member.0.as_bytes(), keep], |row| Ok(DeviceId(uuid(row, "device")?)))?
        .kept()?;
    old.retain(|device| !here.contains(device));
    for device in &old {
        remove(conn, member, *device)?;
    }
    Ok(old)
}

/// Ends the sessions of `member` on all devices but one, and says which.
pub(crate) fn remove_others(conn: &Connection, member: MemberId, but: DeviceId) -> Result<Vec<DeviceId>> {
    conn.prepare_cached("DELETE FROM sessions WHERE member = ? AND device <> ? RETURNING device")?
        .query_map(params![member.0.as_bytes(), but.0.as_bytes()], |row| Ok(DeviceId(uuid(row, "device")?)))?
        .kept()
}

/// The devices of `member`, newest first.
pub(crate) fn of_member(
    conn: &Connection,
    member: MemberId,
    current: DeviceId,
    limit: u32,
) -> Result<Vec<Device>> {
    conn.prepare_cached(
        "SELECT device, name, created_at, last_seen, address FROM sessions WHERE member = ?
         ORDER BY created_at DESC, device DESC LIMIT ?",
    )?
    .query_map(params![member.0.as_bytes(), limit], |row| {
        let id = DeviceId(uuid(row, "device")?);
        Ok(Device {
            id,
            name: text(row, "name")?,
            since: UnixMillis(row.get("created_at")?),
            last_seen: UnixMillis(row.get("last_seen")?),
            current: id == current,
            address: Some(text(row, "address")?).filter(|address: &String| !address.is_empty()),
        })
    })?
    .kept()
}
