//! Emoji under messages: saying the same twice changes nothing.

use protocol::{Change, Event, MessageId, RoomId, limits};
use vault::rusqlite::Connection;

use super::messages::{change, place};
use super::{Answer, Caller};
use crate::error::Refusal;
use crate::permissions::Operation;
use crate::store::table::{events, messages};
use crate::store::{Denied, now};

pub(crate) async fn react(
    caller: &Caller,
    req: u32,
    (room, message): (RoomId, MessageId),
    emoji: String,
) -> Answer {
    limits::check_emoji(&emoji).map_err(|problem| Refusal::field("emoji", problem))?;
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Option<Event>, Denied> {
        let place = place(conn, by, (room, message), |_| Operation::React)?;
        let (mine, kinds) = messages::reacted(conn, place, &emoji, by)?;
        if mine {
            return Ok(None);
        }
        if kinds >= limits::EMOJI_KINDS as u64 {
            let problem =
                format!("is one too many: a message carries {} different ones", limits::EMOJI_KINDS);
            return Err(Refusal::field("emoji", problem).into());
        }
        let event = events::append(conn, room, by, Change::Reacted { message, emoji: emoji.clone() }, now())?;
        messages::react(conn, place, &emoji, by, event.seq)?;
        Ok(Some(event))
    };
    change(caller, req, work).await
}

pub(crate) async fn unreact(
    caller: &Caller,
    req: u32,
    (room, message): (RoomId, MessageId),
    emoji: String,
) -> Answer {
    limits::check_emoji(&emoji).map_err(|problem| Refusal::field("emoji", problem))?;
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Option<Event>, Denied> {
        let place = place(conn, by, (room, message), |_| Operation::React)?;
        if !messages::unreact(conn, place, &emoji, by)? {
            return Ok(None);
        }
        Ok(Some(events::append(conn, room, by, Change::Unreacted { message, emoji }, now())?))
    };
    change(caller, req, work).await
}
