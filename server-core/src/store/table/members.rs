//! Accounts.

use protocol::{MemberId, Role, UnixMillis};
use vault::rusqlite::types::Type;
use vault::rusqlite::{self, Connection, OptionalExtension, Result, Row as SqlRow, params};

use crate::names::fold;
use crate::store::uuid;

pub(crate) const SCHEMA: &str = "
-- Accounts. An id is for good; a name may change.
CREATE TABLE members (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    -- The name in the form by which names are compared (NFKC, lower case).
    folded TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A host has one owner.
CREATE UNIQUE INDEX members_owner ON members (role) WHERE role = 'owner';
";

/// A member as stored; whether they are here is the hub's knowledge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: MemberId,
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Row {
    pub(crate) fn shown(self, online: bool) -> protocol::Member {
        protocol::Member { id: self.id, name: self.name, role: self.role, online }
    }
}

pub(crate) fn insert(conn: &Connection, row: &Row, now: UnixMillis) -> Result<()> {
    conn.prepare_cached("INSERT INTO members (id, name, folded, role, created_at) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![row.id.0.as_bytes(), row.name, fold(&row.name), role_name(row.role), now.0])?;
    Ok(())
}

pub(crate) fn by_id(conn: &Connection, id: MemberId) -> Result<Option<Row>> {
    conn.prepare_cached("SELECT id, name, role FROM members WHERE id = ?")?
        .query_row([id.0.as_bytes()], read)
        .optional()
}

pub(crate) fn by_name(conn: &Connection, name: &str) -> Result<Option<Row>> {
    conn.prepare_cached("SELECT id, name, role FROM members WHERE folded = ?")?
        .query_row([fold(name)], read)
        .optional()
}

pub(crate) fn has_owner(conn: &Connection) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM members WHERE role = 'owner'")?.exists([])
}

/// The host's owner, once there is one.
pub(crate) fn owner(conn: &Connection) -> Result<Option<Row>> {
    conn.prepare_cached("SELECT id, name, role FROM members WHERE role = 'owner'")?
        .query_row([], read)
        .optional()
}

pub(crate) fn set_role(conn: &Connection, id: MemberId, role: Role) -> Result<()> {
    conn.prepare_cached("UPDATE members SET role = ? WHERE id = ?")?
        .execute(params![role_name(role), id.0.as_bytes()])?;
    Ok(())
}

/// Up to `limit` members after `after`, in the order of their ids.
pub(crate) fn page(conn: &Connection, after: Option<MemberId>, limit: u32) -> Result<Vec<Row>> {
    let after = after.map_or([0; 16], |id| *id.0.as_bytes());
    conn.prepare_cached("SELECT id, name, role FROM members WHERE id > ? ORDER BY id LIMIT ?")?
        .query_map(params![after, limit], read)?
        .collect()
}

fn read(row: &SqlRow<'_>) -> Result<Row> {
    Ok(Row { id: MemberId(uuid(row, "id")?), name: row.get("name")?, role: role(row, "role")? })
}

pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
        Role::Guest => "guest",
    }
}

pub(crate) fn role(row: &SqlRow<'_>, column: &str) -> Result<Role> {
    let name: String = row.get(column)?;
    match name.as_str() {
        "owner" => Ok(Role::Owner),
        "admin" => Ok(Role::Admin),
        "member" => Ok(Role::Member),
        "guest" => Ok(Role::Guest),
        _ => Err(rusqlite::Error::InvalidColumnType(0, column.to_owned(), Type::Text)),
    }
}
