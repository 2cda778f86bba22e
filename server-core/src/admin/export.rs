//! The whole log as JSON lines in one order that depends on nothing but the log: two hosts with the same history
//! give the same bytes.
//!
//! First the host, then members, rooms and memberships by id, pictures by theirs, then every room's events by number. No
//! key, hash of a secret or token is in it. Message texts are: whoever may export reads everything.

use protocol::{AvatarId, Event, HostId, Member, Picture, Room, Seq, limits};
use serde::Serialize;
use vault::rusqlite::{self, Connection};

use crate::store::table::events::{self, Stretch};
use crate::store::table::{avatars, members, memberships, rooms};

/// One line.
#[derive(Serialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum Line<'a> {
    Host { id: &'a HostId },
    Member(Member),
    Room(&'a Room),
    Membership { room: protocol::RoomId, member: protocol::MemberId },
    Avatar { id: AvatarId, image: Picture },
    Event(Event),
}

/// Gives every line to `take`, in one read transaction. Stops early, without an error, once `take` says no.
pub(super) fn write(
    conn: &Connection,
    host: &HostId,
    take: &mut dyn FnMut(String) -> bool,
) -> rusqlite::Result<()> {
    let mut put =
        |line: Line<'_>| take(serde_json::to_string(&line).expect("no map with keys that are no text"));
    if !put(Line::Host { id: host }) {
        return Ok(());
    }
    for member in members::page(conn, None, u32::MAX)? {
        // Who is connected is no part of the history.
        if !put(Line::Member(member.shown(false))) {
            return Ok(());
        }
    }
    let rooms = rooms::all(conn)?;
    for room in &rooms {
        if !put(Line::Room(room)) {
            return Ok(());
        }
    }
    for (room, member) in memberships::all(conn)? {
        if !put(Line::Membership { room, member }) {
            return Ok(());
        }
    }
    for id in avatars::all(conn)? {
        let Some(avatar) = avatars::by_id(conn, &id)? else { continue };
        let (_, image) = avatar.shown();
        if !put(Line::Avatar { id, image }) {
            return Ok(());
        }
    }
    for room in &rooms {
        let mut after = Seq::ZERO;
        loop {
            let mut budget = limits::PAGE_BYTES;
            let page = events::page(conn, room.id, Stretch::After(after), limits::PAGE_EVENTS, &mut budget)?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for event in page {
                if !put(Line::Event(event)) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}
