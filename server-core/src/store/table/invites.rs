//! Invites: who may become a member, how many times, until when. Only the secret's hash is stored.

use protocol::{Invite, InviteId, MemberId, Role, RoomId, UnixMillis};
use vault::rusqlite::{Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::members::role_name;
use crate::store::kept::{Kept, role};
use crate::store::{uuid, whole};

pub(crate) const SCHEMA: &str = "
-- Invites. Kept when they are over, so that a late guest hears why.
CREATE TABLE invites (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- SHA-256 of the secret in the link.
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
    uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
    expires_at INTEGER NOT NULL,
    -- Null only for those the host makes for its owner.
    created_by BLOB REFERENCES members (id),
    created_at INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    -- Of a way back in from the machine's own command line: whose account it opens, instead of making one.
    recovers BLOB REFERENCES members (id)
) STRICT, WITHOUT ROWID;
";

pub(crate) const ROOMS_SCHEMA: &str = "
-- Into which rooms an invite leads.
CREATE TABLE invite_rooms (
    invite BLOB NOT NULL REFERENCES invites (id) ON DELETE CASCADE,
    room BLOB NOT NULL REFERENCES rooms (id),
    PRIMARY KEY (invite, room)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_rooms_room ON invite_rooms (room);
";

/// An invite as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: InviteId,
    pub(crate) role: Role,
    pub(crate) uses_left: u32,
    pub(crate) expires_at: UnixMillis,
    pub(crate) by: Option<MemberId>,
    pub(crate) revoked: bool,
    /// The account it opens instead of making one.
    pub(crate) recovers: Option<MemberId>,
}

pub(crate) fn insert(conn: &Connection, row: &Row, token_hash: &[u8; 32], now: UnixMillis) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO invites (id, token_hash, role, uses_left, expires_at, created_by, created_at, recovers)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        row.id.0.as_bytes(),
        token_hash,
        role_name(row.role),
        row.uses_left,
        row.expires_at.0,
        row.by.map(|by| *by.0.as_bytes()),
        now.0,
        row.recovers.map(|member| *member.0.as_bytes())
    ])?;
    Ok(())
}

pub(crate) fn by_token(conn: &Connection, token_hash: &[u8; 32]) -> Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT id, role, uses_left, expires_at, created_by, revoked, recovers FROM invites WHERE token_hash = ?",
    )?
    .query_row([token_hash], read)
    .optional()
}

/// Takes one use. The caller has checked that there is one, in the same transaction.
pub(crate) fn use_once(conn: &Connection, id: InviteId) -> Result<()> {
    conn.prepare_cached("UPDATE invites SET uses_left = uses_left - 1 WHERE id = ?")?
        .execute([id.0.as_bytes()])?;
    Ok(())
}

/// Lets an invite lead into a room.
pub(crate) fn add_room(conn: &Connection, id: InviteId, room: RoomId) -> Result<()> {
    conn.prepare_cached("INSERT OR IGNORE INTO invite_rooms (invite, room) VALUES (?, ?)")?
        .execute(params![id.0.as_bytes(), room.0.as_bytes()])?;
    Ok(())
}

/// Into which rooms an invite leads.
pub(crate) fn rooms(conn: &Connection, id: InviteId) -> Result<Vec<RoomId>> {
    conn.prepare_cached("SELECT room FROM invite_rooms WHERE invite = ? ORDER BY room")?
        .query_map([id.0.as_bytes()], |row| Ok(RoomId(uuid(row, 0)?)))?
        .kept()
}

/// Those that can still be used, newest first.
pub(crate) fn living(conn: &Connection, now: UnixMillis, limit: u32) -> Result<Vec<Invite>> {
    let mut invites = conn
        .prepare_cached(
            "SELECT id, role, uses_left, expires_at, created_by FROM invites
             WHERE revoked = 0 AND uses_left > 0 AND expires_at > ? AND created_by IS NOT NULL
             ORDER BY created_at DESC, id DESC LIMIT ?",
        )?
        .query_map(params![now.0, limit], |row| {
            Ok(Invite {
                id: InviteId(uuid(row, "id")?),
                role: role(row, "role")?,
                uses_left: u32::try_from(whole(row.get("uses_left")?)).unwrap_or(u32::MAX),
                expires_at: UnixMillis(row.get("expires_at")?),
                by: MemberId(uuid(row, "created_by")?),
                rooms: Vec::new(),
            })
        })?
        .kept()?;
    for invite in &mut invites {
        invite.rooms = rooms(conn, invite.id)?;
    }
    Ok(invites)
}

/// Ends an invite. Says whether there is one.
pub(crate) fn revoke(conn: &Connection, id: InviteId) -> Result<bool> {
    Ok(conn.prepare_cached("UPDATE invites SET revoked = 1 WHERE id = ?")?.execute([id.0.as_bytes()])? > 0)
}

/// Ends those by which `member` lets others become `role`.
pub(crate) fn end_of(conn: &Connection, member: MemberId, role: Role) -> Result<()> {
    conn.prepare_cached("UPDATE invites SET revoked = 1 WHERE created_by = ? AND role = ?")?
        .execute(params![member.0.as_bytes(), role_name(role)])?;
    Ok(())
}

/// Forgets the owner invites of earlier starts.
pub(crate) fn forget_owner(conn: &Connection) -> Result<()> {
    conn.execute("DELETE FROM invites WHERE role = 'owner' AND uses_left > 0", [])?;
    Ok(())
}

/// Forgets the ways back in that nobody has used.
pub(crate) fn forget_recoveries(conn: &Connection) -> Result<()> {
    conn.execute("DELETE FROM invites WHERE recovers IS NOT NULL AND uses_left > 0", [])?;
    Ok(())
}

fn read(row: &SqlRow<'_>) -> Result<Row> {
    Ok(Row {
        id: InviteId(uuid(row, "id")?),
        role: role(row, "role")?,
        uses_left: u32::try_from(whole(row.get("uses_left")?)).unwrap_or(u32::MAX),
        expires_at: UnixMillis(row.get("expires_at")?),
        by: member(row, "created_by")?,
        revoked: row.get("revoked")?,
        recovers: member(row, "recovers")?,
    })
}

fn member(row: &SqlRow<'_>, column: &str) -> Result<Option<MemberId>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(|id| MemberId(uuid::Uuid::from_bytes(id))))
}
