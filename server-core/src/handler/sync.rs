//! Answering "what did I miss?" from cursors.
//!
//! The connection hears new events since before this reads, so nothing falls between; what comes both ways has the
//! same number.

use std::collections::HashMap;

use protocol::{Cursor, Reply, RoomSync, Seq, limits};

use super::{Answer, Caller};
use crate::error::Refusal;
use crate::store::table::events::{self, Stretch};
use crate::store::table::rooms;

/// What is told of older messages ends at this many bytes: with a full page it still fits a frame.
const CHANGES_BYTES: usize = limits::PAGE_BYTES / 6;

pub(crate) async fn catch_up(caller: &Caller, cursors: Vec<Cursor>) -> Answer {
    if cursors.len() > limits::SYNC_ROOMS {
        let problem = format!("are too many: at most {}", limits::SYNC_ROOMS);
        return Err(Refusal::field("cursors", problem));
    }
    let cursors = cursors.into_iter().map(|cursor| (cursor.room, cursor.after)).collect::<HashMap<_, _>>();
    let member = caller.member;
    let synced = caller.read(move |conn| {
        let (mut budget, mut changes) = (limits::PAGE_BYTES, CHANGES_BYTES);
        let rooms = rooms::of_member(conn, member, limits::LIST_ITEMS)?;
        let mut synced = Vec::with_capacity(rooms.len());
        for room in rooms {
            let after = cursors.get(&room.id).copied().unwrap_or(Seq::ZERO);
            let floor = rooms::floor(conn, room.id, member)?;
            let after = after.max(floor);
            // Once the budget is used up, a room says its head only: all between is a hole to be paged.
            let stretch = Stretch::NewestAfter(after);
            let events = match room.head > after {
                true => events::page(conn, room.id, stretch, limits::SYNC_ROOM_EVENTS, &mut budget)?,
                false => Vec::new(),
            };
            let (changed, more) = match events.first().map_or(room.head.next(), |event| event.seq) {
                first if first > after.next() && after > floor => {
                    let most = limits::SYNC_ROOM_CHANGED;
                    events::changed(conn, room.id, (floor, after), first, most, &mut changes)?
                }
                _ => (Vec::new(), false),
            };
            synced.push(RoomSync { room: room.id, events, changed, more, head: room.head });
        }
        Ok(synced)
    });
    Ok(Some(Reply::Synced { rooms: synced.await? }))
}
