//! Accounts.

use protocol::{AvatarId, MemberId, Role, Standing, UnixMillis};
use vault::rusqlite::types::ValueRef;
use vault::rusqlite::{Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::{avatars, statuses};
use crate::names::{FORMER, fold};
use crate::store::kept::{Kept, avatar, role, text};
use crate::store::uuid;

pub(crate) const SCHEMA: &str = "
-- Accounts. An id is for good; a name may change.
CREATE TABLE members (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    -- The name in the form by which names are compared (NFKC, lower case).
    folded TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
    -- What they say of themselves.
    status TEXT NOT NULL DEFAULT '',
    -- Nobody signs in as one that is not active; of one that is gone, only what it wrote is left.
    standing TEXT NOT NULL DEFAULT 'active' CHECK (standing IN ('active', 'deactivated', 'banned', 'gone')),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A host has one owner.
CREATE UNIQUE INDEX members_owner ON members (role) WHERE role = 'owner';
";

/// Members as they are shown.
const SHOWN: &str = "SELECT members.id, name, role, status, standing, emoji, until, avatar FROM members
    LEFT JOIN statuses ON statuses.member = members.id
    LEFT JOIN member_avatars ON member_avatars.member = members.id";

/// A member as stored; whether they are here is the hub's knowledge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: MemberId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) status: Status,
    pub(crate) avatar: Option<AvatarId>,
    pub(crate) standing: Standing,
}

/// What a member says of themselves, and until when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) text: String,
    pub(crate) emoji: String,
    pub(crate) until: Option<UnixMillis>,
}

impl Status {
    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.emoji.is_empty()
    }
}

impl Row {
    /// An account as it is at first.
    pub(crate) fn new(id: MemberId, name: String, role: Role) -> Self {
        Self { id, name, role, status: Status::default(), avatar: None, standing: Standing::Active }
    }

    pub(crate) fn shown(self, online: bool) -> protocol::Member {
        protocol::Member {
            id: self.id,
            name: self.name,
            role: self.role,
            online,
            availability: protocol::Availability::Active,
            status: self.status.text,
            status_emoji: self.status.emoji,
            status_until: self.status.until,
            avatar: self.avatar,
            standing: self.standing,
        }
    }
}

pub(crate) fn insert(conn: &Connection, row: &Row, now: UnixMillis) -> Result<()> {
    conn.prepare_cached("INSERT INTO members (id, name, folded, role, created_at) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![row.id.0.as_bytes(), row.name, fold(&row.name), role_name(row.role), now.0])?;
    Ok(())
}

pub(crate) fn by_id(conn: &Connection, id: MemberId) -> Result<Option<Row>> {
    conn.prepare_cached(&format!("{SHOWN} WHERE members.id = ?"))?
        .query_row([id.0.as_bytes()], read)
        .optional()
}

/// What an account is and how it stands: what is asked for at every turn.
pub(crate) fn account(conn: &Connection, id: MemberId) -> Result<Option<(Role, Standing)>> {
    conn.prepare_cached("SELECT role, standing FROM members WHERE id = ?")?
        .query_row([id.0.as_bytes()], |row| Ok((role(row, "role")?, standing(row)?)))
        .optional()
}

pub(crate) fn by_name(conn: &Connection, name: &str) -> Result<Option<Row>> {
    conn.prepare_cached(&format!("{SHOWN} WHERE folded = ?"))?.query_row([fold(name)], read).optional()
}

pub(crate) fn has_owner(conn: &Connection) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM members WHERE role = 'owner'")?.exists([])
}

/// The host's owner, once there is one.
pub(crate) fn owner(conn: &Connection) -> Result<Option<Row>> {
    conn.prepare_cached(&format!("{SHOWN} WHERE role = 'owner'"))?.query_row([], read).optional()
}

pub(crate) fn set_role(conn: &Connection, id: MemberId, role: Role) -> Result<()> {
    conn.prepare_cached("UPDATE members SET role = ? WHERE id = ?")?
        .execute(params![role_name(role), id.0.as_bytes()])?;
    Ok(())
}

/// Fails where another member has the name.
pub(crate) fn rename(conn: &Connection, id: MemberId, name: &str) -> Result<()> {
    conn.prepare_cached("UPDATE members SET name = ?2, folded = ?3 WHERE id = ?1")?.execute(params![
        id.0.as_bytes(),
        name,
        fold(name)
    ])?;
    Ok(())
}

pub(crate) fn set_status(conn: &Connection, id: MemberId, status: &Status) -> Result<()> {
    conn.prepare_cached("UPDATE members SET status = ?2 WHERE id = ?1")?
        .execute(params![id.0.as_bytes(), status.text])?;
    statuses::put(conn, id, &status.emoji, status.until)
}

pub(crate) fn set_standing(conn: &Connection, id: MemberId, standing: Standing) -> Result<()> {
    let name = match standing {
        Standing::Active => "active",
        Standing::Deactivated => "deactivated",
        Standing::Banned => "banned",
        Standing::Gone => "gone",
    };
    conn.prepare_cached("UPDATE members SET standing = ?2 WHERE id = ?1")?
        .execute(params![id.0.as_bytes(), name])?;
    Ok(())
}

/// Takes everything away from an account but its id. Its name is free again.
pub(crate) fn bury(conn: &Connection, id: MemberId) -> Result<()> {
    // What programs use to speak as it ends with it.
    for sql in ["DELETE FROM bots WHERE member = ?", "DELETE FROM hooks WHERE member = ?"] {
        conn.prepare_cached(sql)?.execute([id.0.as_bytes()])?;
    }
    set_status(conn, id, &Status::default())?;
    avatars::put_of_member(conn, id, None)?;
    conn.prepare_cached(
        "UPDATE members SET name = ?2, folded = hex(id), role = 'guest', standing = 'gone' WHERE id = ?1",
    )?
    .execute(params![id.0.as_bytes(), FORMER])?;
    Ok(())
}

/// Accounts that were deleted.
pub(crate) fn gone(conn: &Connection) -> Result<Vec<MemberId>> {
    conn.prepare_cached("SELECT id FROM members WHERE standing = 'gone'")?
        .query_map([], |row| Ok(MemberId(uuid(row, "id")?)))?
        .kept()
}

/// Up to `limit` members after `after`, in the order of their ids.
pub(crate) fn page(conn: &Connection, after: Option<MemberId>, limit: u32) -> Result<Vec<Row>> {
    let after = after.map_or([0; 16], |id| *id.0.as_bytes());
    conn.prepare_cached(&format!("{SHOWN} WHERE members.id > ? ORDER BY members.id LIMIT ?"))?
        .query_map(params![after, limit], read)?
        .kept()
}

fn read(row: &SqlRow<'_>) -> Result<Row> {
    Ok(Row {
        id: MemberId(uuid(row, "id")?),
        name: text(row, "name")?,
        role: role(row, "role")?,
        status: Status {
            text: text(row, "status")?,
            emoji: if row.get_ref("emoji")? == ValueRef::Null { String::new() } else { text(row, "emoji")? },
            until: row.get::<_, Option<i64>>("until")?.map(UnixMillis),
        },
        avatar: avatar(row, "avatar")?,
        standing: standing(row)?,
    })
}

fn standing(row: &SqlRow<'_>) -> Result<Standing> {
    Ok(match text(row, "standing")?.as_str() {
        "active" => Standing::Active,
        "deactivated" => Standing::Deactivated,
        "gone" => Standing::Gone,
        // What is not known gives no rights.
        _ => Standing::Banned,
    })
}

pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
        Role::Guest => "guest",
    }
}
