//! Posting, editing, deleting, and what hangs together: threads and earlier texts.

use protocol::{
    Change, Edited, ErrorCode, Event, MemberId, MessageId, Post, Posted, Reply, RoomId, Seq, Text, limits,
};
use vault::rusqlite::Connection;

use super::threads::{News, answered, mentioned_in_thread, root_in_room, tell_followers};
use super::{Answer, Caller, authorise_in};
use crate::error::Refusal;
use crate::mentions::calls;
use crate::names::EVERYONE;
use crate::permissions::{Authorship, Operation};
use crate::store::table::messages::{self, Place};
use crate::store::table::{audits, events, members, memberships, rooms};
use crate::store::{Denied, now};

pub(crate) async fn post(caller: &Caller, req: u32, post: Post) -> Answer {
    caller.host.limits().text(&post.text.0)?;
    let by = caller.member;
    let (room, message) = (post.room, post.message);
    let work = move |conn: &Connection| -> Result<(Event, Option<News>), Denied> {
        if let Some(first) = events::by_message(conn, message)? {
            return if is_again(conn, &first, by, &post)? { Ok((first, None)) } else { Err(reused().into()) };
        }
        authorise_in(conn, by, Operation::Post, room)?;
        let root = check_ties(conn, by, &post)?;
        if messages::is_spent(conn, message)? {
            return Err(reused().into());
        }
        let mut posted = Posted::new(message, post.text);
        (posted.mentions, posted.mentions_room) = mentioned(conn, by, room, &posted.text)?;
        (posted.reply_to, posted.thread) = (post.reply_to, post.thread);
        posted.forward_of = post.forward_of;
        let event = events::append(conn, room, by, Change::Posted(posted), now())?;
        let news = root.map(|root| answered(conn, root, &event)).transpose()?;
        Ok((event, Some(news.unwrap_or_default())))
    };
    caller
        .commit(req, work, move |(event, news), hub| {
            let posted = Reply::Posted { message, room, seq: event.seq, at: event.at };
            if let Some(news) = news {
                hub.tell_room(room, Reply::Event { event });
                tell_followers(hub, news);
            }
            posted
        })
        .await
}

/// Whether `post` is a resend of what became `first`.
fn is_again(conn: &Connection, first: &Event, by: MemberId, post: &Post) -> Result<bool, Denied> {
    let Change::Posted(posted) = &first.change else { return Ok(false) };
    let same_text = match posted {
        // Nobody can say any more what a deleted message said.
        Posted { deleted: true, .. } => true,
        Posted { edited: Some(_), .. } => {
            messages::first_text(conn, post.message)?.is_none_or(|text| text == post.text)
        }
        Posted { text, .. } => *text == post.text,
    };
    let same_forward = posted.deleted || posted.forward_of == post.forward_of;
    let same_ties = posted.reply_to == post.reply_to && posted.thread == post.thread && same_forward;
    Ok(first.by == by && first.room == post.room && same_text && same_ties)
}

/// What a message answers and continues must be in its room; what it passes on must be the author's to read. Says
/// where its thread began.
fn check_ties(conn: &Connection, by: MemberId, post: &Post) -> Result<Option<Place>, Denied> {
    if let Some(answered) = post.reply_to {
        in_room(conn, by, (post.room, answered))?;
    }
    let root = post.thread.map(|root| root_in_room(conn, by, (post.room, root))).transpose()?;
    if root.is_some_and(|root| root.thread.is_some()) {
        return Err(Refusal::field("thread", "must be the message under which the thread began").into());
    }
    if let Some(original) = post.forward_of {
        let original =
            messages::find(conn, original)?.filter(|place| !place.deleted).ok_or_else(no_message)?;
        authorise_in(conn, by, Operation::ReadRoom, original.room).map_err(|_| no_message())?;
        if original.seq <= rooms::floor(conn, original.room, by)? {
            return Err(no_message().into());
        }
    }
    Ok(root)
}

/// A message of `room` that `reader`, who is in it, may read; deleted or not.
pub(super) fn in_room(
    conn: &Connection,
    reader: MemberId,
    (room, message): (RoomId, MessageId),
) -> Result<Place, Denied> {
    let floor = rooms::floor(conn, room, reader)?;
    let place = messages::find(conn, message)?.filter(|place| place.room == room && place.seq > floor);
    Ok(place.ok_or_else(no_message)?)
}

/// A message that is to be changed by `by`, who may do `operation` to it.
pub(super) fn place(
    conn: &Connection,
    by: MemberId,
    (room, message): (RoomId, MessageId),
    operation: impl Fn(Authorship) -> Operation,
) -> Result<Place, Denied> {
    // Whoever may not see the room hears nothing of its messages.
    authorise_in(conn, by, Operation::ReadRoom, room)?;
    let place = in_room(conn, by, (room, message))?;
    authorise_in(conn, by, operation(Authorship::of(place.by == by)), room)?;
    if place.deleted {
        return Err(no_message().into());
    }
    Ok(place)
}

fn mentioned(
    conn: &Connection,
    by: MemberId,
    room: RoomId,
    text: &Text,
) -> Result<(Vec<MemberId>, bool), Denied> {
    let (mut mentioned, mut everyone) = (Vec::new(), false);
    for names in calls(&text.0, limits::MENTIONS) {
        for name in names {
            // Without the right it stays a word.
            if name == EVERYONE {
                everyone |= authorise_in(conn, by, Operation::MentionRoom, room).is_ok();
                break;
            }
            if let Some(member) = members::by_name(conn, &name)?
                && memberships::exists(conn, room, member.id)?
            {
                if !mentioned.contains(&member.id) {
                    mentioned.push(member.id);
                }
                break;
            }
        }
    }
    Ok((mentioned, everyone))
}

/// What `place` was posted as, as it stands now.
fn standing(conn: &Connection, message: MessageId) -> Result<(Event, Posted), Denied> {
    let event = events::by_message(conn, message)?.ok_or_else(no_message)?;
    match event.change.clone() {
        Change::Posted(posted) => Ok((event, posted)),
        _ => Err(no_message().into()),
    }
}

pub(crate) async fn edit(
    caller: &Caller,
    req: u32,
    (room, message): (RoomId, MessageId),
    text: Text,
) -> Answer {
    caller.host.limits().text(&text.0)?;
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Option<(Event, News)>, Denied> {
        let place = place(conn, by, (room, message), Operation::EditMessage)?;
        let (event, posted) = standing(conn, message)?;
        if posted.text == text {
            return Ok(None);
        }
        let (mentions, mentions_room) = mentioned(conn, by, room, &text)?;
        let edited = Change::Edited(Edited { message, text: Some(text), mentions, mentions_room });
        let edited = events::append(conn, room, by, edited, now())?;
        messages::edit(conn, place, event, &edited)?;
        let news = mentioned_in_thread(conn, place, message, &posted.mentions)?;
        Ok(Some((edited, news)))
    };
    caller
        .commit(req, work, move |made, hub| {
            if let Some((event, news)) = made {
                hub.tell_room(room, Reply::Event { event });
                tell_followers(hub, news);
            }
            Reply::Done
        })
        .await
}

pub(crate) async fn delete(caller: &Caller, req: u32, (room, message): (RoomId, MessageId)) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Option<Event>, Denied> {
        let place = place(conn, by, (room, message), Operation::DeleteMessage)?;
        let (event, _) = standing(conn, message)?;
        messages::delete(conn, place, event)?;
        if place.by != by {
            let object = format!("{message} in {room}");
            audits::note(conn, Some(by), "message of another deleted", &object, now())?;
        }
        Ok(Some(events::append(conn, room, by, Change::Deleted { message }, now())?))
    };
    change(caller, req, work).await
}

/// Commits `work`; the room hears what it made, if it made anything.
pub(super) async fn change<W>(caller: &Caller, req: u32, work: W) -> Answer
where
    W: FnOnce(&Connection) -> Result<Option<Event>, Denied> + Send + 'static,
{
    caller
        .commit(req, work, |event, hub| {
            if let Some(event) = event {
                hub.tell_room(event.room, Reply::Event { event });
            }
            Reply::Done
        })
        .await
}

pub(crate) async fn revisions(
    caller: &Caller,
    (room, message): (RoomId, MessageId),
    after: Option<Seq>,
) -> Answer {
    let (member, most) = (caller.member, limits::PAGE_EVENTS);
    let found = caller.read(move |conn| {
        place(conn, member, (room, message), Operation::ReadRevisions)?;
        let (after, mut budget) = (after.unwrap_or_default(), limits::PAGE_BYTES);
        let revisions = messages::revisions(conn, message, after, most + 1, &mut budget)?;
        Ok((revisions, budget == 0))
    });
    let (mut revisions, full) = found.await?;
    let more = full || revisions.len() > most as usize;
    revisions.truncate(most as usize);
    Ok(Some(Reply::Revisions { message, revisions, more }))
}

/// Where a message is, for those who may read it. One they may not read looks like one that is not there.
pub(crate) async fn resolve(caller: &Caller, message: MessageId) -> Answer {
    let member = caller.member;
    let place = caller.read(move |conn| {
        let place = messages::find(conn, message)?.filter(|place| !place.deleted).ok_or_else(no_message)?;
        authorise_in(conn, member, Operation::ReadRoom, place.room).map_err(|denied| match denied {
            Denied::Refused(_) => no_message().into(),
            failed @ Denied::Storage(_) => failed,
        })?;
        in_room(conn, member, (place.room, message))
    });
    let Place { room, seq, thread, .. } = place.await?;
    Ok(Some(Reply::Place { message, room, seq, thread }))
}

fn reused() -> Refusal {
    Refusal::new(
        ErrorCode::MessageIdReused,
        "this message id was used for something else; send with a fresh one",
    )
}

pub(super) fn no_message() -> Refusal {
    Refusal::not_found("message")
}
