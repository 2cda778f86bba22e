//! Looking for messages in the rooms one may read, and how much the host is used.

use std::collections::HashMap;

use protocol::{Reply, Search, limits};

use super::{Answer, Caller, authorise, authorise_in};
use crate::error::Refusal;
use crate::permissions::Operation;
use crate::store::table::{messages, rooms};
use crate::store::{figures, now, search};

pub(crate) async fn find(caller: &Caller, wanted: Search) -> Answer {
    if wanted.text.0.len() > limits::SEARCH_BYTES {
        let problem = format!("is too long: at most {} bytes", limits::SEARCH_BYTES);
        return Err(Refusal::field("text", problem));
    }
    if wanted.limit == 0 {
        return Err(Refusal::field("limit", "must be at least 1"));
    }
    let words = protocol::search::expression(&wanted.text.0);
    if words.is_none() && (wanted.room.is_none() || !wanted.text.0.trim().is_empty()) {
        return Err(Refusal::field("text", "holds no word to look for"));
    }
    let member = caller.member;
    let limit = wanted.limit.min(caller.host.limits().search_items) as usize;
    let found = caller.read(move |conn| {
        if let Some(room) = wanted.room {
            authorise_in(conn, member, Operation::ReadRoom, room)?;
        }
        let older_than = match wanted.older_than {
            None => None,
            Some(message) => {
                let place = messages::find(conn, message)?.ok_or_else(|| Refusal::not_found("message"))?;
                authorise_in(conn, member, Operation::ReadRoom, place.room)
                    .map_err(|_| Refusal::not_found("message"))?;
                if place.seq <= rooms::floor(conn, place.room, member)? {
                    return Err(Refusal::not_found("message").into());
                }
                Some(place)
            }
        };
        let mut budget = limits::PAGE_BYTES;
        let mut messages =
            search::find(conn, member, &wanted, words.as_deref(), older_than, limit + 1, &mut budget)?;
        // What was found by being in a room is asked for by the one function as well.
        let mut readable = HashMap::new();
        messages.retain(|event| {
            *readable.entry(event.room).or_insert_with(|| {
                authorise_in(conn, member, Operation::ReadRoom, event.room).is_ok_and(|inside| inside)
            })
        });
        Ok((messages, budget == 0))
    });
    let (mut messages, full) = found.await?;
    let more = full || messages.len() > limit;
    messages.truncate(limit);
    Ok(Some(Reply::Messages { messages, more }))
}

pub(crate) async fn statistics(caller: &Caller) -> Answer {
    let member = caller.member;
    let statistics = caller.read(move |conn| {
        authorise(conn, member, Operation::SeeStatistics)?;
        Ok(figures::statistics(conn, now(), limits::LIST_ITEMS)?)
    });
    Ok(Some(Reply::Statistics(statistics.await?)))
}
