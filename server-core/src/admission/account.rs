//! Accounts as they are made: under which names, from where, and into which rooms they come.
//!
//! Refuses to tell anybody of them: what an account did to the rooms' logs goes back to whoever commits it.

use protocol::{
    Change, Event, MemberId, Reading, Role, RoomId, RoomRole, Secret, UnixMillis, Visibility, limits,
};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::peer::Peer;
use crate::error::Refusal;
use crate::handler::accounts::name_taken;
use crate::handler::rooms::bring_in;
use crate::host::Host;
use crate::names::is_reserved;
use crate::store::Denied;
use crate::store::table::{events, members, passwords, rooms};

/// The room that everyone comes into.
const FIRST_ROOM: &str = "general";

/// An account to be.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) password_hash: Option<String>,
}

pub(super) fn check_account(host: &Host, name: &str, password: Option<&Secret>) -> Result<(), Refusal> {
    host.limits().name(name)?;
    if let Some(password) = password {
        limits::check_password(&password.0).map_err(|problem| Refusal::field("password", problem))?;
    }
    Ok(())
}

/// An account that may be made from where `peer` is, its password hashed.
pub(super) async fn account(
    host: &Host,
    peer: Peer,
    name: String,
    password: Option<Secret>,
) -> Result<Account, Refusal> {
    if !peer.is_spared(host) {
        host.joins_from(peer.address)?;
    }
    let password_hash = match password {
        Some(password) => Some(host.hashing.hash(&host.limits(), peer.asker(), &password).await?),
        None => None,
    };
    Ok(Account { name: name.trim().to_owned(), password_hash })
}

pub(super) fn check_free(conn: &Connection, name: &str) -> Result<(), Denied> {
    match is_reserved(name) || members::by_name(conn, name.trim())?.is_some() {
        true => Err(name_taken().into()),
        false => Ok(()),
    }
}

/// Writes an account that comes into the rooms everyone comes into; says what that did to their logs.
pub(crate) fn write_account(
    conn: &Connection,
    account: Account,
    role: Role,
    invited_to: &[RoomId],
    now: UnixMillis,
) -> Result<(MemberId, Vec<Event>), Denied> {
    check_free(conn, &account.name)?;
    let id = MemberId(Uuid::now_v7());
    members::insert(conn, &members::Row::new(id, account.name, role), now)?;
    if let Some(hash) = account.password_hash {
        passwords::set(conn, id, &hash, now)?;
    }
    let mut log = Vec::new();
    // A host that has lost its owner has its rooms still.
    if role == Role::Owner && rooms::for_everyone(conn)?.is_empty() {
        log.push(write_first_room(conn, id, now)?);
    }
    let mut open =
        if role == Role::Guest && !invited_to.is_empty() { Vec::new() } else { rooms::for_everyone(conn)? };
    open.extend(invited_to.iter().filter(|room| !open.contains(room)).copied().collect::<Vec<_>>());
    let role = if role == Role::Owner { RoomRole::Admin } else { RoomRole::Member };
    for room in open {
        if rooms::standing(conn, room, id)?.is_some_and(|standing| !standing.archived) {
            log.push(bring_in(conn, room, (id, id), role, now)?);
        }
    }
    Ok((id, log))
}

fn write_first_room(conn: &Connection, owner: MemberId, now: UnixMillis) -> Result<Event, Denied> {
    let room = rooms::New {
        id: RoomId(Uuid::now_v7()),
        name: FIRST_ROOM.to_owned(),
        topic: String::new(),
        visibility: Visibility::Public,
        for_everyone: true,
        reading: Reading::Start,
        between: None,
    };
    rooms::insert(conn, &room, now)?;
    let created = Change::Created { name: room.name, visibility: room.visibility };
    Ok(events::append(conn, room.id, owner, created, now)?)
}
