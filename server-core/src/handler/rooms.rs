//! Rooms: seeing, making, entering and leaving them.

use protocol::{Change, ErrorCode, Event, Reply, Room, RoomId, Visibility, limits};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::{Answer, Caller, authorise, authorise_in};
use crate::error::Refusal;
use crate::permissions::Operation;
use crate::store::table::{events, memberships, rooms};
use crate::store::{Denied, is_taken, now};

pub(crate) async fn mine(caller: &Caller) -> Answer {
    let member = caller.member;
    let rooms = caller.host.read(move |conn| Ok(rooms::of_member(conn, member, limits::LIST_ITEMS)?)).await?;
    Ok(Some(Reply::Rooms { rooms }))
}

pub(crate) async fn directory(caller: &Caller) -> Answer {
    let member = caller.member;
    let rooms = caller.host.read(move |conn| {
        authorise(conn, member, Operation::ListDirectory)?;
        Ok(rooms::directory(conn, member, limits::LIST_ITEMS)?)
    });
    Ok(Some(Reply::Rooms { rooms: rooms.await? }))
}

pub(crate) async fn create(
    caller: &Caller,
    req: u32,
    (name, topic): (&str, &str),
    visibility: Visibility,
) -> Answer {
    let name = limits::check_name(name).map_err(|problem| Refusal::field("name", problem))?.to_owned();
    let topic = limits::check_topic(topic).map_err(|problem| Refusal::field("topic", problem))?.to_owned();
    if visibility == Visibility::Direct {
        return Err(Refusal::field("visibility", "must be public or private"));
    }
    let member = caller.member;
    let room = rooms::New { id: RoomId(Uuid::now_v7()), name, topic, visibility, for_everyone: false };
    let work = move |conn: &Connection| -> Result<(Room, Vec<Event>), Denied> {
        authorise(conn, member, Operation::CreateRoom)?;
        check_room_for_more(conn, member)?;
        let now = now();
        rooms::insert(conn, &room, now)
            .map_err(|error| if is_taken(&error) { Denied::Refused(name_taken()) } else { error.into() })?;
        let created = Change::Created { name: room.name.clone(), visibility };
        let created = events::append(conn, room.id, member, created, now)?;
        memberships::insert(conn, room.id, member, now)?;
        let joined = events::append(conn, room.id, member, Change::Joined { member }, now)?;
        Ok((shown(conn, room.id)?, vec![created, joined]))
    };
    come_in(caller, req, work).await
}

pub(crate) async fn join(caller: &Caller, req: u32, room: RoomId) -> Answer {
    let member = caller.member;
    let work = move |conn: &Connection| -> Result<(Room, Vec<Event>), Denied> {
        if authorise_in(conn, member, Operation::JoinRoom, room)? {
            return Ok((shown(conn, room)?, Vec::new()));
        }
        check_room_for_more(conn, member)?;
        let now = now();
        memberships::insert(conn, room, member, now)?;
        let joined = events::append(conn, room, member, Change::Joined { member }, now)?;
        Ok((shown(conn, room)?, vec![joined]))
    };
    come_in(caller, req, work).await
}

/// Commits `work`; then the member's devices hear the room, and the room hears of them.
async fn come_in<W>(caller: &Caller, req: u32, work: W) -> Answer
where
    W: FnOnce(&Connection) -> Result<(Room, Vec<Event>), Denied> + Send + 'static,
{
    let (member, connection) = (caller.member, caller.connection);
    caller
        .commit(req, work, move |(room, events), hub| {
            if !events.is_empty() {
                hub.enter(room.id, member);
                hub.tell_member(member, Some(connection), Reply::Room { room: room.clone() });
            }
            for event in events {
                hub.tell_room(room.id, Reply::Event { event });
            }
            Reply::Room { room }
        })
        .await
}

pub(crate) async fn leave(caller: &Caller, req: u32, room: RoomId) -> Answer {
    let (member, connection) = (caller.member, caller.connection);
    let work = move |conn: &Connection| -> Result<Event, Denied> {
        authorise_in(conn, member, Operation::LeaveRoom, room)?;
        memberships::remove(conn, room, member)?;
        Ok(events::append(conn, room, member, Change::Left { member }, now())?)
    };
    caller
        .commit(req, work, move |event, hub| {
            hub.leave(room, member);
            hub.tell_room(room, Reply::Event { event });
            hub.tell_member(member, Some(connection), Reply::RoomGone { room });
            Reply::Done
        })
        .await
}

fn shown(conn: &Connection, room: RoomId) -> Result<Room, Denied> {
    Ok(rooms::by_id(conn, room)?.ok_or_else(|| Refusal::not_found("room"))?)
}

/// One list of rooms must hold all rooms of a member.
fn check_room_for_more(conn: &Connection, member: protocol::MemberId) -> Result<(), Denied> {
    if memberships::count(conn, member)? >= u64::from(limits::LIST_ITEMS) {
        let message = format!("you are in {} rooms, which is the most; leave one first", limits::LIST_ITEMS);
        return Err(Refusal::new(ErrorCode::OutOfBounds, message).into());
    }
    Ok(())
}

fn name_taken() -> Refusal {
    Refusal::new(ErrorCode::NameTaken, "there is a public room of this name; join it, or choose another name")
}
