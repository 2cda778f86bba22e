//! What a room is called, is about, shows and whether it is open; and its end.

use protocol::{Change, Event, MemberId, Reading, Reply, Room, RoomId};
use vault::rusqlite::Connection;

use super::rooms::{name_taken, shown};
use super::{Answer, Caller, authorise_in};
use crate::permissions::Operation;
use crate::store::table::{audits, events, memberships, rooms};
use crate::store::{Denied, is_taken, now};

pub(crate) async fn rename(caller: &Caller, req: u32, room: RoomId, name: &str) -> Answer {
    let name = caller.host.limits().name(name)?.to_owned();
    let write = move |conn: &Connection, before: &Room| -> Result<Option<Change>, Denied> {
        if before.name == name {
            return Ok(None);
        }
        rooms::rename(conn, room, &name)
            .map_err(|error| if is_taken(&error) { Denied::Refused(name_taken()) } else { error.into() })?;
        Ok(Some(Change::Renamed { name }))
    };
    change(caller, req, (room, Operation::RenameRoom), write).await
}

pub(crate) async fn set_topic(caller: &Caller, req: u32, room: RoomId, topic: &str) -> Answer {
    let topic = caller.host.limits().topic("topic", topic)?.to_owned();
    let write = move |conn: &Connection, before: &Room| -> Result<Option<Change>, Denied> {
        if before.topic == topic {
            return Ok(None);
        }
        rooms::set_topic(conn, room, &topic)?;
        Ok(Some(Change::TopicSet { topic }))
    };
    change(caller, req, (room, Operation::SetTopic), write).await
}

pub(crate) async fn set_reading(caller: &Caller, req: u32, room: RoomId, reading: Reading) -> Answer {
    let write = move |conn: &Connection, before: &Room| -> Result<Option<Change>, Denied> {
        if before.reading == reading {
            return Ok(None);
        }
        rooms::set_reading(conn, room, reading)?;
        Ok(Some(Change::ReadingSet { reading }))
    };
    change(caller, req, (room, Operation::SetReading), write).await
}

pub(crate) async fn archive(caller: &Caller, req: u32, room: RoomId, archived: bool) -> Answer {
    let write = move |conn: &Connection, before: &Room| -> Result<Option<Change>, Denied> {
        if before.archived == archived {
            return Ok(None);
        }
        rooms::set_archived(conn, room, archived)?;
        Ok(Some(if archived { Change::Archived } else { Change::Restored }))
    };
    change(caller, req, (room, Operation::ArchiveRoom), write).await
}

/// Writes what changes a room, if anything does, and tells those in it.
pub(super) async fn change<W>(
    caller: &Caller,
    req: u32,
    (room, operation): (RoomId, Operation),
    write: W,
) -> Answer
where
    W: FnOnce(&Connection, &Room) -> Result<Option<Change>, Denied> + Send + 'static,
{
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<(Room, Option<Event>), Denied> {
        authorise_in(conn, by, operation, room)?;
        let change = write(conn, &shown(conn, room, by)?)?;
        let event = change.map(|change| events::append(conn, room, by, change, now())).transpose()?;
        let shown = shown(conn, room, by)?;
        if let Some(event) = &event {
            let object = format!("{room} {}", shown.name);
            audits::note(conn, Some(by), act(&event.change), &object, event.at)?;
        }
        Ok((shown, event))
    };
    caller
        .commit(req, work, move |(shown, event), hub| {
            if let Some(event) = event {
                if takes_away(&event.change) {
                    hub.rights().end_for_all();
                }
                hub.tell_room(room, Reply::Event { event });
            }
            Reply::Room { room: shown }
        })
        .await
}

/// What the audit log says of a change.
fn act(change: &Change) -> &'static str {
    match change {
        Change::Renamed { .. } => "room renamed",
        Change::TopicSet { .. } => "room topic set",
        Change::AvatarSet { avatar: Some(_) } => "room picture set",
        Change::AvatarSet { .. } => "room picture removed",
        Change::ReadingSet { reading: Reading::Join } => "room shown from the joining on",
        Change::ReadingSet { .. } => "room shown from the start",
        Change::Archived => "room archived",
        Change::Restored => "room restored",
        _ => "room changed",
    }
}

/// Whether those in the room may less from then on.
fn takes_away(change: &Change) -> bool {
    matches!(change, Change::Archived | Change::ReadingSet { reading: Reading::Join })
}

pub(crate) async fn delete(caller: &Caller, req: u32, room: RoomId) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Vec<MemberId>, Denied> {
        authorise_in(conn, by, Operation::DeleteRoom, room)?;
        let object = format!("{room} {}", shown(conn, room, by)?.name);
        audits::note(conn, Some(by), "room deleted", &object, now())?;
        let members = memberships::everyone(conn, room)?;
        rooms::delete(conn, room)?;
        Ok(members)
    };
    caller
        .commit(req, work, move |members, hub| {
            for member in members {
                hub.leave(room, member);
                hub.tell_member(member, None, Reply::RoomGone { room });
            }
            Reply::Done
        })
        .await
}
