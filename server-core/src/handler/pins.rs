//! Messages pinned to their room.

use protocol::{Change, Event, MessageId, Reply, RoomId, Seq, limits};
use vault::rusqlite::Connection;

use super::messages::{change, place};
use super::{Answer, Caller, authorise_in};
use crate::error::Refusal;
use crate::permissions::Operation;
use crate::store::table::{events, messages, rooms};
use crate::store::{Denied, now};

pub(crate) async fn pin(caller: &Caller, req: u32, (room, message): (RoomId, MessageId)) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Option<Event>, Denied> {
        let place = place(conn, by, (room, message), |_| Operation::Pin)?;
        if !messages::pin(conn, place)? {
            return Ok(None);
        }
        if messages::count_pins(conn, room)? > u64::from(limits::PINS) {
            let problem = format!("is one too many: a room has {} pins; take one down first", limits::PINS);
            return Err(Refusal::field("message", problem).into());
        }
        Ok(Some(events::append(conn, room, by, Change::Pinned { message }, now())?))
    };
    change(caller, req, work).await
}

pub(crate) async fn unpin(caller: &Caller, req: u32, (room, message): (RoomId, MessageId)) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Option<Event>, Denied> {
        let place = place(conn, by, (room, message), |_| Operation::Pin)?;
        if !messages::unpin(conn, place)? {
            return Ok(None);
        }
        Ok(Some(events::append(conn, room, by, Change::Unpinned { message }, now())?))
    };
    change(caller, req, work).await
}

pub(crate) async fn list(caller: &Caller, room: RoomId, before: Option<Seq>) -> Answer {
    let member = caller.member;
    let found = caller.read(move |conn| {
        authorise_in(conn, member, Operation::ReadRoom, room)?;
        let mut budget = limits::PAGE_BYTES;
        let between = (rooms::floor(conn, room, member)?, before);
        let messages = messages::pinned(conn, room, between, limits::PINS, &mut budget)?;
        Ok((messages, budget == 0))
    });
    let (messages, more) = found.await?;
    Ok(Some(Reply::Messages { messages, more }))
}
