//! Who is in a room, who brings them in and takes them out, and what they may do there.

use protocol::{Change, ErrorCode, Event, MemberId, Reply, Room, RoomId, RoomRole, limits};
use vault::rusqlite::Connection;

use super::rooms::{bring_in, check_places, check_stands, shown};
use super::{Answer, Caller, authorise_in, succession};
use crate::error::Refusal;
use crate::permissions::Operation;
use crate::store::table::{audits, events, members, memberships};
use crate::store::{Denied, now};

pub(crate) async fn page(caller: &Caller, room: RoomId, after: Option<MemberId>) -> Answer {
    let asking = caller.member;
    let members = caller.read(move |conn| {
        authorise_in(conn, asking, Operation::ListRoomMembers, room)?;
        Ok(memberships::page(conn, room, after, limits::LIST_ITEMS + 1)?)
    });
    let mut members = members.await?;
    let more = members.len() > limits::LIST_ITEMS as usize;
    members.truncate(limits::LIST_ITEMS as usize);
    Ok(Some(Reply::RoomMembers { members, more }))
}

pub(crate) async fn add(caller: &Caller, req: u32, room: RoomId, member: MemberId) -> Answer {
    let (by, limits) = (caller.member, caller.host.live.load().limits);
    let work = move |conn: &Connection| -> Result<Option<(Room, Event)>, Denied> {
        authorise_in(conn, by, Operation::AddToRoom, room)?;
        check_stands(conn, member)?;
        if memberships::exists(conn, room, member)? {
            return Ok(None);
        }
        check_places(conn, &limits, room, member)?;
        let joined = bring_in(conn, room, (member, by), RoomRole::Member, now())?;
        note(conn, by, "brought into a room", (room, member))?;
        Ok(Some((shown(conn, room, member)?, joined)))
    };
    caller
        .commit(req, work, move |added, hub| {
            if let Some((shown, event)) = added {
                hub.enter(room, member);
                hub.tell_member(member, None, Reply::Room { room: shown });
                hub.tell_room(room, Reply::Event { event });
            }
            Reply::Done
        })
        .await
}

pub(crate) async fn remove(caller: &Caller, req: u32, room: RoomId, member: MemberId) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Vec<Event>, Denied> {
        authorise_in(conn, by, Operation::RemoveFromRoom, room)?;
        if !memberships::remove(conn, room, member)? {
            return Err(Refusal::not_found("member").into());
        }
        let left = events::append(conn, room, by, Change::Left { member }, now())?;
        note(conn, by, "taken out of a room", (room, member))?;
        Ok(std::iter::once(left).chain(succession::hand_on(conn, room, by)?).collect())
    };
    caller
        .commit(req, work, move |events, hub| {
            // Whoever is taken out hears that they are, and nothing of the room from this very event on.
            hub.leave(room, member);
            events.into_iter().for_each(|event| hub.tell_room(room, Reply::Event { event }));
            hub.tell_member(member, None, Reply::RoomGone { room });
            Reply::Done
        })
        .await
}

/// What was done to a member in a room, for the audit log.
fn note(
    conn: &Connection,
    by: MemberId,
    act: &str,
    (room, member): (RoomId, MemberId),
) -> Result<(), Denied> {
    let name = members::by_id(conn, member)?.map(|row| row.name).unwrap_or_default();
    Ok(audits::note(conn, Some(by), act, &format!("{name} in {room}"), now())?)
}

pub(crate) async fn set_role(
    caller: &Caller,
    req: u32,
    room: RoomId,
    (member, role): (MemberId, RoomRole),
) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Option<Event>, Denied> {
        authorise_in(conn, by, Operation::SetRoomRole, room)?;
        if !memberships::exists(conn, room, member)? {
            return Err(Refusal::not_found("member").into());
        }
        if !memberships::set_role(conn, room, member, role)? {
            return Ok(None);
        }
        if role == RoomRole::Admin
            && members::by_id(conn, member)?.is_some_and(|row| row.role == protocol::Role::Guest)
        {
            return Err(Refusal::new(ErrorCode::Forbidden, "a guest can't run a room").into());
        }
        if memberships::heir(conn, room)?.is_some() {
            return Err(
                Refusal::forbidden("somebody must run a private room; name another admin first").into()
            );
        }
        let act = match role {
            RoomRole::Admin => "made admin of a room",
            RoomRole::Member => "made member of a room",
        };
        note(conn, by, act, (room, member))?;
        Ok(Some(events::append(conn, room, by, Change::RoleSet { member, role }, now())?))
    };
    caller
        .commit(req, work, move |event, hub| {
            if let Some(event) = event {
                if role == RoomRole::Member {
                    hub.rights().end(member);
                }
                hub.tell_room(room, Reply::Event { event });
            }
            Reply::Done
        })
        .await
}
