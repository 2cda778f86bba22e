//! Rooms: seeing, making, entering and leaving them.

use protocol::{
    Change, ErrorCode, Event, MemberId, Reading, Reply, Room, RoomId, RoomRole, Seq, Standing, UnixMillis,
    Visibility, limits,
};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::{Answer, Caller, authorise, authorise_in, succession};
use crate::config::Limits;
use crate::error::Refusal;
use crate::identity::sha256;
use crate::permissions::Operation;
use crate::store::table::{audits, events, members, memberships, relations, rooms};
use crate::store::{Denied, is_taken, now};

pub(crate) async fn mine(caller: &Caller) -> Answer {
    let member = caller.member;
    let rooms = caller.read(move |conn| Ok(rooms::of_member(conn, member, limits::LIST_ITEMS)?)).await?;
    Ok(Some(Reply::Rooms { rooms, more: false }))
}

pub(crate) async fn directory(caller: &Caller, after: Option<RoomId>) -> Answer {
    let member = caller.member;
    let rooms = caller.read(move |conn| {
        authorise(conn, member, Operation::ListDirectory)?;
        if let Some(room) = after {
            // What may not be found has no place in the list.
            rooms::standing(conn, room, member)?
                .filter(|standing| standing.visibility == Visibility::Public)
                .ok_or_else(|| Refusal::not_found("room"))?;
        }
        Ok(rooms::directory(conn, member, after, limits::LIST_ITEMS + 1)?)
    });
    let mut rooms = rooms.await?;
    let more = rooms.len() > limits::LIST_ITEMS as usize;
    rooms.truncate(limits::LIST_ITEMS as usize);
    Ok(Some(Reply::Rooms { rooms, more }))
}

pub(crate) async fn create(
    caller: &Caller,
    req: u32,
    (name, topic): (&str, &str),
    visibility: Visibility,
    reading: Reading,
) -> Answer {
    let limits = caller.host.limits();
    let (name, topic) = (limits.name(name)?.to_owned(), limits.topic("topic", topic)?.to_owned());
    if visibility == Visibility::Direct {
        return Err(Refusal::field("visibility", "must be public or private"));
    }
    let member = caller.member;
    let id = RoomId(Uuid::now_v7());
    let room = rooms::New { id, name, topic, visibility, for_everyone: false, reading, between: None };
    let work = move |conn: &Connection| -> Result<(Room, Vec<Event>), Denied> {
        authorise(conn, member, Operation::CreateRoom)?;
        check_rooms_of(conn, &limits, member)?;
        let now = now();
        let created = make(conn, &room, member, now)?;
        let joined = bring_in(conn, room.id, (member, member), RoomRole::Admin, now)?;
        audits::note(conn, Some(member), "room made", &format!("{} {}", room.id, room.name), now)?;
        Ok((shown(conn, room.id, member)?, vec![created, joined]))
    };
    come_in(caller, req, work).await
}

/// A direct room as each of those it is between sees it, and what is new on its log.
type Opened = (Vec<(MemberId, Room)>, Vec<Event>);

pub(crate) async fn open_direct(caller: &Caller, req: u32, mut others: Vec<MemberId>) -> Answer {
    let member = caller.member;
    others.sort_unstable();
    others.dedup();
    if !(1..=limits::DIRECT_MEMBERS).contains(&others.len()) || others.contains(&member) {
        let problem = format!("must be 1 to {} others", limits::DIRECT_MEMBERS);
        return Err(Refusal::field("members", problem));
    }
    let limits = caller.host.live.load().limits;
    let work = move |conn: &Connection| -> Result<Opened, Denied> {
        authorise(conn, member, Operation::OpenDirect)?;
        let between = fingerprint(member, &others);
        if let Some(room) = rooms::between(conn, &between)? {
            return Ok((vec![(member, shown(conn, room, member)?)], Vec::new()));
        }
        for other in &others {
            check_stands(conn, *other)?;
            if relations::is_blocked(conn, member, *other)? {
                let message = "there are no direct messages between you and one of these members";
                return Err(Refusal::forbidden(message).into());
            }
        }
        write_direct(conn, &limits, (member, &others), between)
    };
    let connection = caller.connection;
    caller
        .commit(req, work, move |(seen, events), hub| {
            let Some(own) = seen.iter().find(|(id, _)| *id == member).map(|(_, room)| room.clone()) else {
                return Reply::Done;
            };
            if !events.is_empty() {
                for (id, room) in seen {
                    hub.enter(room.id, id);
                    hub.tell_member(id, Some(connection), Reply::Room { room });
                }
            }
            for event in events {
                hub.tell_room(own.id, Reply::Event { event });
            }
            Reply::Room { room: own }
        })
        .await
}

/// A direct room and all who are in it from its first moment on, each with the room as they see it.
fn write_direct(
    conn: &Connection,
    limits: &Limits,
    (member, others): (MemberId, &[MemberId]),
    between: [u8; 32],
) -> Result<Opened, Denied> {
    let now = now();
    let room = rooms::New {
        id: RoomId(Uuid::now_v7()),
        name: String::new(),
        topic: String::new(),
        visibility: Visibility::Direct,
        for_everyone: false,
        reading: Reading::Start,
        between: Some(between),
    };
    let mut events = vec![make(conn, &room, member, now)?];
    let all = std::iter::once(member).chain(others.iter().copied()).collect::<Vec<_>>();
    for id in &all {
        check_rooms_of(conn, limits, *id)?;
        events.push(bring_in(conn, room.id, (*id, member), RoomRole::Member, now)?);
    }
    let seen =
        all.into_iter().map(|id| Ok((id, shown(conn, room.id, id)?))).collect::<Result<_, Denied>>()?;
    Ok((seen, events))
}

/// The same few, the same digest.
fn fingerprint(member: MemberId, others: &[MemberId]) -> [u8; 32] {
    let mut all = others.to_vec();
    all.push(member);
    all.sort_unstable();
    let ids = all.iter().flat_map(|id| *id.0.as_bytes()).collect::<Vec<_>>();
    sha256(&ids)
}

pub(crate) async fn join(caller: &Caller, req: u32, room: RoomId) -> Answer {
    let (member, limits) = (caller.member, caller.host.live.load().limits);
    let work = move |conn: &Connection| -> Result<(Room, Vec<Event>), Denied> {
        if authorise_in(conn, member, Operation::JoinRoom, room)? {
            return Ok((shown(conn, room, member)?, Vec::new()));
        }
        check_places(conn, &limits, room, member)?;
        let joined = bring_in(conn, room, (member, member), RoomRole::Member, now())?;
        Ok((shown(conn, room, member)?, vec![joined]))
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
    let work = move |conn: &Connection| -> Result<Vec<Event>, Denied> {
        authorise_in(conn, member, Operation::LeaveRoom, room)?;
        memberships::remove(conn, room, member)?;
        let left = events::append(conn, room, member, Change::Left { member }, now())?;
        Ok(std::iter::once(left).chain(succession::hand_on(conn, room, member)?).collect())
    };
    caller
        .commit(req, work, move |events, hub| {
            hub.leave(room, member);
            events.into_iter().for_each(|event| hub.tell_room(room, Reply::Event { event }));
            hub.tell_member(member, Some(connection), Reply::RoomGone { room });
            Reply::Done
        })
        .await
}

/// A new room and its first event.
fn make(conn: &Connection, room: &rooms::New, by: MemberId, now: UnixMillis) -> Result<Event, Denied> {
    rooms::insert(conn, room, now)
        .map_err(|error| if is_taken(&error) { Denied::Refused(name_taken()) } else { error.into() })?;
    let created = Change::Created { name: room.name.clone(), visibility: room.visibility };
    Ok(events::append(conn, room.id, by, created, now)?)
}

/// `member` comes into a room they are not in, by their own doing or somebody else's.
pub(crate) fn bring_in(
    conn: &Connection,
    room: RoomId,
    (member, by): (MemberId, MemberId),
    role: RoomRole,
    now: UnixMillis,
) -> Result<Event, Denied> {
    let joined = events::append(conn, room, by, Change::Joined { member }, now)?;
    // Whoever makes a room has been in it from its first event on.
    let since = if role == RoomRole::Admin { Seq(1) } else { joined.seq };
    memberships::insert(conn, (room, member), role, since, now)?;
    Ok(joined)
}

/// Whether there is such a member, who can be talked with.
pub(crate) fn check_stands(conn: &Connection, member: MemberId) -> Result<(), Denied> {
    let row = members::by_id(conn, member)?.filter(|row| row.standing == Standing::Active);
    row.map(drop).ok_or_else(|| Refusal::not_found("member").into())
}

/// The room as `viewer` sees it.
pub(crate) fn shown(conn: &Connection, room: RoomId, viewer: MemberId) -> Result<Room, Denied> {
    Ok(rooms::by_id(conn, room, viewer)?.ok_or_else(|| Refusal::not_found("room"))?)
}

/// Whether there is room for one more, in the room and in the list of rooms of `member`.
pub(crate) fn check_places(
    conn: &Connection,
    limits: &Limits,
    room: RoomId,
    member: MemberId,
) -> Result<(), Denied> {
    if memberships::size(conn, room)? >= u64::from(limits.members_per_room) {
        let message = format!("this room has {} members, which is the most", limits.members_per_room);
        return Err(Refusal::new(ErrorCode::OutOfBounds, message).into());
    }
    check_rooms_of(conn, limits, member)
}

/// One list of rooms must hold all rooms of a member.
fn check_rooms_of(conn: &Connection, limits: &Limits, member: MemberId) -> Result<(), Denied> {
    let most = limits.rooms_per_member.min(limits::LIST_ITEMS);
    if memberships::count(conn, member)? >= u64::from(most) {
        let message = format!("a member can be in {most} rooms; leave one first");
        return Err(Refusal::new(ErrorCode::OutOfBounds, message).into());
    }
    Ok(())
}

pub(crate) fn name_taken() -> Refusal {
    Refusal::new(ErrorCode::NameTaken, "there is a public room of this name; join it, or choose another name")
}
