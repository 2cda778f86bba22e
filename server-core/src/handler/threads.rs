//! Threads: reading them, following them, and how far members have read those they follow.
//!
//! Whoever began a thread that is answered, answers in it, or is mentioned in it, follows it by that. What waits in a
//! thread waits for those who follow it, and never in its room.

use protocol::{Change, Event, MemberId, MessageId, Reply, RoomId, Seq, ThreadProgress, limits};
use vault::rusqlite::Connection;

use super::messages::{in_room, no_message};
use super::{Answer, Caller, authorise_in};
use crate::error::Refusal;
use crate::hub::Hub;
use crate::permissions::Operation;
use crate::store::Denied;
use crate::store::table::messages::Place;
use crate::store::table::{events, follows, marks, messages, rooms};

/// Who follows a thread now that did not before, with what they are to hear.
pub(super) type News = Vec<(MemberId, ThreadProgress, u64)>;

/// Where a thread began that `reader` may read: all of it, or at least its newest message.
pub(super) fn root_in_room(
    conn: &Connection,
    reader: MemberId,
    (room, root): (RoomId, MessageId),
) -> Result<Place, Denied> {
    let floor = rooms::floor(conn, room, reader)?;
    let place = messages::find(conn, root)?.filter(|place| place.room == room).ok_or_else(no_message)?;
    if place.seq <= floor && !messages::goes_beyond(conn, root, floor)? {
        return Err(no_message().into());
    }
    Ok(place)
}

/// Takes a message that was posted into the thread of `root`.
pub(super) fn answered(conn: &Connection, root: Place, event: &Event) -> Result<News, Denied> {
    let Change::Posted(posted) = &event.change else { return Ok(News::new()) };
    let followers = follows::answered(conn, root, (event.seq, event.by), posted)?;
    news(conn, posted.thread, followers)
}

/// Takes the mentions that an edit has brought to a message of a thread, which mentioned those `before`.
pub(super) fn mentioned_in_thread(
    conn: &Connection,
    place: Place,
    message: MessageId,
    before: &[MemberId],
) -> Result<News, Denied> {
    let Some(thread) = place.thread else { return Ok(News::new()) };
    let (Some(root), Some(event)) = (messages::find(conn, thread)?, events::by_message(conn, message)?)
    else {
        return Ok(News::new());
    };
    let Change::Posted(mut posted) = event.change else { return Ok(News::new()) };
    posted.mentions.retain(|member| !before.contains(member));
    let followers = follows::mentioned(conn, root, (event.seq, event.by), &posted)?;
    news(conn, Some(thread), followers)
}

fn news(conn: &Connection, thread: Option<MessageId>, followers: Vec<MemberId>) -> Result<News, Denied> {
    let mut news = News::new();
    for member in followers {
        let progress = thread.map(|thread| follows::of_thread(conn, member, thread)).transpose()?.flatten();
        if let Some(progress) = progress {
            news.push((member, progress, marks::next_number(conn, member)?));
        }
    }
    Ok(news)
}

/// Tells those who follow a thread from now on.
pub(super) fn tell_followers(hub: &Hub, news: News) {
    for (member, thread, number) in news {
        hub.tell_member(member, None, Reply::ThreadProgress { thread, number });
    }
}

pub(crate) async fn page(
    caller: &Caller,
    (room, message): (RoomId, MessageId),
    after: Option<Seq>,
    limit: u32,
) -> Answer {
    if limit == 0 {
        return Err(Refusal::field("limit", "must be at least 1"));
    }
    let member = caller.member;
    let limit = limit.min(caller.host.limits().page_events) as usize;
    let found = caller.read(move |conn| {
        authorise_in(conn, member, Operation::ReadRoom, room)?;
        root_in_room(conn, member, (room, message))?;
        let after = after.unwrap_or_default().max(rooms::floor(conn, room, member)?);
        let mut budget = limits::PAGE_BYTES;
        let most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let messages = messages::thread(conn, message, after, most, &mut budget)?;
        Ok((messages, budget == 0))
    });
    let (mut messages, full) = found.await?;
    let more = full || messages.len() > limit;
    messages.truncate(limit);
    Ok(Some(Reply::Messages { messages, more }))
}

pub(crate) async fn follow(
    caller: &Caller,
    req: u32,
    (room, message): (RoomId, MessageId),
    follow: bool,
) -> Answer {
    let member = caller.member;
    change(caller, req, (room, message), move |conn, root, before| {
        if before.followed == follow {
            return Ok(false);
        }
        match follow {
            // Who begins to follow has nothing to catch up with.
            true => drop(follows::follow(conn, root, member, before.head)?),
            false => follows::unfollow(conn, root, member)?,
        }
        Ok(true)
    })
    .await
}

pub(crate) async fn mark(
    caller: &Caller,
    req: u32,
    (room, message): (RoomId, MessageId),
    seq: Seq,
    back: bool,
) -> Answer {
    let member = caller.member;
    change(caller, req, (room, message), move |conn, root, before| {
        let seq = seq.min(before.head).max(rooms::floor(conn, room, member)?);
        if !before.followed || seq == before.mark || (seq < before.mark && !back) {
            return Ok(false);
        }
        follows::mark(conn, root, member, seq)?;
        Ok(true)
    })
    .await
}

/// Commits `work`, which says whether it changed anything; then the member's other devices hear of it.
async fn change<W>(caller: &Caller, req: u32, (room, message): (RoomId, MessageId), work: W) -> Answer
where
    W: FnOnce(&Connection, Place, &ThreadProgress) -> Result<bool, Denied> + Send + 'static,
{
    let (member, connection) = (caller.member, caller.connection);
    let work = move |conn: &Connection| -> Result<(ThreadProgress, u64, bool), Denied> {
        authorise_in(conn, member, Operation::ReadRoom, room)?;
        let root = root_in_room(conn, member, (room, message))?;
        if root.thread.is_some() {
            return Err(Refusal::field("message", "must be the one under which the thread began").into());
        }
        let progress = || -> Result<ThreadProgress, Denied> {
            Ok(follows::of_thread(conn, member, message)?.ok_or_else(no_message)?)
        };
        let before = progress()?;
        if !work(conn, root, &before)? {
            return Ok((before, marks::last_number(conn, member)?, false));
        }
        Ok((progress()?, marks::next_number(conn, member)?, true))
    };
    caller
        .commit_in_order(req, work, move |(thread, number, is_news), hub| {
            let reply = Reply::ThreadProgress { thread, number };
            if is_news {
                hub.tell_member(member, Some(connection), reply.clone());
            }
            reply
        })
        .await
}

pub(crate) async fn mine(caller: &Caller, older_than: Option<MessageId>, unread: bool, limit: u32) -> Answer {
    if limit == 0 {
        return Err(Refusal::field("limit", "must be at least 1"));
    }
    let (member, limit) = (caller.member, limit.min(limits::THREADS) as usize);
    let threads = caller.read(move |conn| {
        let before = match older_than {
            None => i64::MAX,
            Some(message) => {
                // What may not be seen looks like what is not there.
                let place = messages::find(conn, message)?.ok_or_else(no_message)?;
                authorise_in(conn, member, Operation::ReadRoom, place.room).map_err(|_| no_message())?;
                in_room(conn, member, (place.room, message))?.n
            }
        };
        Ok(follows::of_member(conn, member, (before, unread), limit + 1)?)
    });
    let mut threads = threads.await?;
    let more = threads.len() > limit;
    threads.truncate(limit);
    Ok(Some(Reply::Threads { threads, more }))
}
