//! Accounts that programs use, and what they are told: the writes that the operator's commands and members' requests
//! share. Who may ask for them is decided before.

use protocol::{Event, MemberId, Role, RoomId, Visibility, limits};
use uuid::Uuid;
use vault::rusqlite::Connection;

use crate::admission::{Account, write_account};
use crate::error::Refusal;
use crate::hub::Hub;
use crate::outgoing::Target;
use crate::store::table::{bots, hooks, members, reports, rooms};
use crate::store::{Denied, now};

/// A program's new account, and what that did to the logs of its rooms.
pub(crate) struct Introduced {
    pub(crate) member: members::Row,
    events: Vec<Event>,
}

impl Introduced {
    /// Tells everyone of it.
    pub(crate) fn tell(&self, hub: &Hub) {
        hub.tell_everyone(protocol::Reply::Member { member: self.member.clone().shown(false) });
        for event in &self.events {
            hub.tell_room(event.room, protocol::Reply::Event { event: event.clone() });
        }
    }
}

/// A name for a program.
pub(crate) fn checked_name(name: &str) -> Result<String, Refusal> {
    Ok(limits::check_name(name).map_err(|problem| Refusal::field("name", problem))?.to_owned())
}

/// The address of an outgoing webhook, taken apart.
pub(crate) fn checked_url(url: &str) -> Result<Target, Refusal> {
    if url.len() > limits::URL_BYTES {
        return Err(Refusal::field("url", format!("is too long: at most {} bytes", limits::URL_BYTES)));
    }
    Target::read(url)
        .ok_or_else(|| Refusal::field("url", "must be an address of the web, without a password in it"))
}

/// Writes an incoming webhook with an account of its own.
pub(crate) fn write_hook(
    conn: &Connection,
    (id, room, name): (Uuid, RoomId, &str),
    (hash, signing_key): (&[u8; 32], String),
) -> Result<Introduced, Denied> {
    if hooks::count(conn, room)? >= limits::ROOM_HOOKS {
        return Err(too_many("incoming webhooks of this room", limits::ROOM_HOOKS));
    }
    let made = write_program(conn, name, &[room])?;
    hooks::insert(conn, &hooks::Row { id, room, member: made.member.id, signing_key }, hash, now())?;
    Ok(made)
}

/// Writes an outgoing webhook that begins with what comes next.
pub(crate) fn write_report(
    conn: &Connection,
    (id, room): (Uuid, RoomId),
    (url, signing_key): (String, String),
) -> Result<reports::Row, Denied> {
    if reports::count(conn, room)? >= limits::ROOM_HOOKS {
        return Err(too_many("outgoing webhooks of this room", limits::ROOM_HOOKS));
    }
    let sent = rooms::head(conn, room)?.unwrap_or_default();
    let row = reports::Row::new(id, room, sent, (url, signing_key));
    reports::insert(conn, &row, now())?;
    Ok(row)
}

/// Writes a bot with an account of its own.
pub(crate) fn write_bot(
    conn: &Connection,
    (name, rooms): (&str, &[RoomId]),
    hash: &[u8; 32],
) -> Result<Introduced, Denied> {
    if bots::count(conn)? >= limits::BOTS {
        return Err(too_many("bots", limits::BOTS));
    }
    let made = write_program(conn, name, rooms)?;
    bots::insert(conn, made.member.id, hash, now())?;
    Ok(made)
}

/// Refuses what would make more of a program's account than a guest that nobody signs in as.
pub(crate) fn refuse_programs(conn: &Connection, member: MemberId) -> Result<(), Denied> {
    if bots::is_one(conn, member)? || hooks::is_one(conn, member)? {
        let refusal = "this account is a program's: it stays a guest without a password; revoke its hook or token first";
        return Err(Refusal::forbidden(refusal).into());
    }
    Ok(())
}

fn too_many(what: &str, most: u32) -> Denied {
    Refusal::forbidden(&format!("there are {most} {what} already; revoke one first")).into()
}

/// A guest: it sees nothing but the rooms it is in.
fn write_program(conn: &Connection, name: &str, into: &[RoomId]) -> Result<Introduced, Denied> {
    for room in into {
        let standing = rooms::standing(conn, *room, MemberId(Uuid::nil()))?;
        if standing.is_some_and(|standing| standing.visibility == Visibility::Direct) {
            return Err(Refusal::forbidden("a direct room stays between those it is between").into());
        }
    }
    let account = Account { name: name.to_owned(), password_hash: None };
    let (member, events) = write_account(conn, account, Role::Guest, into, now())?;
    if events.len() != into.len() {
        return Err(Refusal::forbidden("an archived room takes nobody in; bring it back first").into());
    }
    let member = members::by_id(conn, member)?.ok_or_else(Refusal::internal)?;
    Ok(Introduced { member, events })
}
