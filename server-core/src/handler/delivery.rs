//! Which devices have got what: told by the devices themselves, for the authors of messages to ask.
//!
//! It says nothing of who has read a message, and names nobody: devices are counted.

use protocol::{Cursor, MessageId, Reply, RoomId, limits};

use super::messages::in_room;
use super::{Answer, Caller, authorise_in};
use crate::error::Refusal;
use crate::lately;
use crate::permissions::{Authorship, Operation};
use crate::store::table::{cursors, memberships, rooms};

/// Takes how far a device keeps its member's rooms; nothing of other rooms, and nothing beyond their logs.
pub(crate) async fn received(caller: &Caller, cursors: Vec<Cursor>) -> Answer {
    if cursors.len() > limits::SYNC_ROOMS {
        let problem = format!("are too many: at most {}", limits::SYNC_ROOMS);
        return Err(Refusal::field("cursors", problem));
    }
    let member = caller.member;
    let told = caller.read(move |conn| {
        let mut told = Vec::with_capacity(cursors.len());
        for Cursor { room, after } in cursors {
            if memberships::exists(conn, room, member)?
                && let Some(head) = rooms::head(conn, room)?
            {
                told.push((room, after.min(head)));
            }
        }
        Ok(told)
    });
    let told = told.await?;
    if caller.host.lately.keeps(caller.device(), told) {
        lately::write(&caller.host).await?;
    }
    Ok(Some(Reply::Done))
}

pub(crate) async fn delivered(caller: &Caller, (room, message): (RoomId, MessageId)) -> Answer {
    let member = caller.member;
    let told = caller.host.lately.kept_of(room);
    let reach = caller.read(move |conn| {
        authorise_in(conn, member, Operation::ReadRoom, room)?;
        let place = in_room(conn, member, (room, message))?;
        let operation = Operation::SeeDelivery(Authorship::of(place.by == member));
        authorise_in(conn, member, operation, room)?;
        Ok(cursors::reach(conn, (room, place.seq), member, &told)?)
    });
    let cursors::Reach { devices, delivered, members, reached } = reach.await?;
    Ok(Some(Reply::Delivered { message, devices, delivered, members, reached }))
}
