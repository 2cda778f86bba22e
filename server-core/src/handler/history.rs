//! Reading a room's log in pages, by number.

use protocol::{HistoryPage, Reply, RoomId, Seq, UnixMillis, limits};

use super::{Answer, Caller, authorise_in};
use crate::error::Refusal;
use crate::permissions::Operation;
use crate::store::table::events::{self, Stretch};
use crate::store::table::rooms;

pub(crate) async fn page(
    caller: &Caller,
    room: RoomId,
    (after, before): (Option<Seq>, Option<Seq>),
    limit: u32,
) -> Answer {
    if limit == 0 {
        return Err(Refusal::field("limit", "must be at least 1"));
    }
    let limit = limit.min(caller.host.limits().page_events);
    let stretch = match (after, before) {
        (None, None) => Stretch::NewestAfter(Seq::ZERO),
        (Some(after), None) => Stretch::After(after),
        (None, Some(before)) => Stretch::Before(before),
        (Some(after), Some(before)) => Stretch::Between(after, before),
    };
    let member = caller.member;
    let page = caller.read(move |conn| {
        authorise_in(conn, member, Operation::ReadRoom, room)?;
        let mut budget = limits::PAGE_BYTES;
        let stretch = stretch.above(rooms::floor(conn, room, member)?);
        let events = events::page(conn, room, stretch, limit, &mut budget)?;
        let head = rooms::head(conn, room)?.ok_or_else(|| Refusal::not_found("room"))?;
        Ok(HistoryPage { room, events, head })
    });
    Ok(Some(Reply::History(page.await?)))
}

pub(crate) async fn seq_at(caller: &Caller, room: RoomId, at: UnixMillis) -> Answer {
    let member = caller.member;
    let seq = caller.read(move |conn| {
        authorise_in(conn, member, Operation::ReadRoom, room)?;
        let head = rooms::head(conn, room)?.ok_or_else(|| Refusal::not_found("room"))?;
        let first = rooms::floor(conn, room, member)?.next();
        Ok(events::seq_at(conn, room, head, at)?.max(first))
    });
    Ok(Some(Reply::SeqAt { room, seq: seq.await? }))
}
