//! How far members have read. It is theirs: others learn of it only by asking, and only where they let them.

use protocol::{Attention, MemberId, MessageId, Progress, Reply, RoomId, Seq, limits};
use vault::rusqlite::Connection;

use super::messages::in_room;
use super::{Answer, Caller, authorise_in};
use crate::error::Refusal;
use crate::permissions::Operation;
use crate::store::Denied;
use crate::store::table::{marks, messages, rooms};

pub(crate) async fn mark(caller: &Caller, req: u32, room: RoomId, seq: Seq, back: bool) -> Answer {
    let member = caller.member;
    change(caller, req, room, move |conn, before| {
        let head = rooms::head(conn, room)?.ok_or_else(|| Refusal::not_found("room"))?;
        let seq = seq.min(head);
        if seq == before.mark || (seq < before.mark && !back) {
            return Ok(false);
        }
        // Below what they may read there is nothing to be read.
        let seq = seq.max(rooms::floor(conn, room, member)?);
        if seq == before.mark {
            return Ok(false);
        }
        let posted = messages::posted_up_to(conn, room, seq)?;
        marks::set(conn, member, room, (seq, posted))?;
        Ok(true)
    })
    .await
}

pub(crate) async fn attend(caller: &Caller, req: u32, room: RoomId, attention: Attention) -> Answer {
    let member = caller.member;
    change(caller, req, room, move |conn, before| {
        if before.attention == attention {
            return Ok(false);
        }
        marks::attend(conn, member, room, attention)?;
        Ok(true)
    })
    .await
}

/// Commits `work`, which says whether it changed anything; then the member's other devices hear of it.
async fn change<W>(caller: &Caller, req: u32, room: RoomId, work: W) -> Answer
where
    W: FnOnce(&Connection, &Progress) -> Result<bool, Denied> + Send + 'static,
{
    let (member, connection) = (caller.member, caller.connection);
    let work = move |conn: &Connection| -> Result<(Progress, u64, bool), Denied> {
        authorise_in(conn, member, Operation::ReadRoom, room)?;
        let progress = || -> Result<Progress, Denied> {
            Ok(marks::of_room(conn, member, room)?.ok_or_else(|| Refusal::not_found("room"))?)
        };
        let before = progress()?;
        if !work(conn, &before)? {
            return Ok((before, marks::last_number(conn, member)?, false));
        }
        Ok((progress()?, marks::next_number(conn, member)?, true))
    };
    caller
        .commit_in_order(req, work, move |(progress, number, is_news), hub| {
            let reply = Reply::Progress { progress, number };
            if is_news {
                hub.tell_member(member, Some(connection), reply.clone());
            }
            reply
        })
        .await
}

pub(crate) async fn list(caller: &Caller) -> Answer {
    let member = caller.member;
    let rooms = caller.read(move |conn| Ok(marks::of_member(conn, member, limits::LIST_ITEMS)?));
    Ok(Some(Reply::ProgressList { rooms: rooms.await? }))
}

pub(crate) async fn read_by(
    caller: &Caller,
    (room, message): (RoomId, MessageId),
    after: Option<MemberId>,
) -> Answer {
    let member = caller.member;
    let members = caller.read(move |conn| {
        authorise_in(conn, member, Operation::ReadRoom, room)?;
        let place = in_room(conn, member, (room, message))?;
        let root = place.thread.map(|root| messages::find(conn, root)).transpose()?.flatten();
        let at = (room, place.seq, root.map(|root| root.n));
        Ok(marks::readers(conn, at, place.by, after, limits::LIST_ITEMS + 1)?)
    });
    let mut members = members.await?;
    let more = members.len() > limits::LIST_ITEMS as usize;
    members.truncate(limits::LIST_ITEMS as usize);
    Ok(Some(Reply::ReadBy { message, members, more }))
}

pub(crate) async fn show_receipts(caller: &Caller, req: u32, shown: bool) -> Answer {
    let member = caller.member;
    let work = move |conn: &Connection| Ok(marks::show_receipts(conn, member, shown)?);
    caller.commit(req, work, |(), _| Reply::Done).await
}
