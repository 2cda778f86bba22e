//! Posting.

use protocol::{Change, ErrorCode, Event, MessageId, Reply, RoomId, Text, limits};

use super::{Answer, Caller, authorise_in};
use crate::error::Refusal;
use crate::permissions::Operation;
use crate::store::table::events;
use crate::store::{Denied, now};

pub(crate) async fn post(caller: &Caller, req: u32, room: RoomId, message: MessageId, text: Text) -> Answer {
    limits::check_text(&text.0).map_err(|problem| Refusal::field("text", problem))?;
    let by = caller.member;
    let work = move |conn: &_| -> Result<(Event, bool), Denied> {
        if let Some(first) = events::by_message(conn, message)? {
            let same =
                first.by == by && first.room == room && first.change == (Change::Posted { message, text });
            return if same { Ok((first, false)) } else { Err(reused().into()) };
        }
        authorise_in(conn, by, Operation::Post, room)?;
        Ok((events::append(conn, room, by, Change::Posted { message, text }, now())?, true))
    };
    caller
        .commit(req, work, move |(event, fresh), hub| {
            let posted = Reply::Posted { message, room, seq: event.seq, at: event.at };
            if fresh {
                hub.tell_room(room, Reply::Event { event });
            }
            posted
        })
        .await
}

fn reused() -> Refusal {
    Refusal::new(
        ErrorCode::MessageIdReused,
        "this message id was used for something else; send with a fresh one",
    )
}
