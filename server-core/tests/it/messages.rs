//! What becomes of a message: edited, deleted, reacted to, pinned, answered, passed on.

use protocol::{Change, Event, MessageId, Post, Posted, Reaction, Reply, Request, RoomId, Seq, Visibility};
use protocol::{ErrorCode, Text};

use crate::support::{Client, World, message_id};

async fn posted_in(client: &mut Client, room: RoomId) -> Vec<(Seq, Posted)> {
    let request = Request::History { room, before: None, after: None, limit: 200 };
    let Reply::History(page) = client.ask(request).await.unwrap() else { panic!("no history") };
    page.events.into_iter().filter_map(posted).collect()
}

fn posted(event: Event) -> Option<(Seq, Posted)> {
    match event.change {
        Change::Posted(posted) => Some((event.seq, posted)),
        _ => None,
    }
}

async fn message(client: &mut Client, room: RoomId, text: &str) -> MessageId {
    let message = message_id();
    client.post_as(room, message, text).await.unwrap();
    message
}

async fn hears_change(client: &mut Client, message: MessageId) -> Change {
    loop {
        let event = client.hears_event().await;
        if event.change.target() == Some(message) {
            return event.change;
        }
    }
}

#[tokio::test]
async fn an_edit_takes_the_place_of_the_text_and_keeps_the_earlier_ones_for_those_allowed() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let (mut carol, _) = world.invited(&mut alice, "carol").await;
    let room = me.rooms[0].id;
    let message = message(&mut bob, room, "first").await;
    for text in ["second", "third", "third"] {
        let edit = Request::Edit { room, message, text: text.into() };
        assert_eq!(bob.ask(edit).await.unwrap(), Reply::Done);
    }
    let Change::Edited(edited) = hears_change(&mut alice, message).await else { panic!("not edited") };
    assert_eq!(edited.text, Some("second".into()));
    let (seq, now) = posted_in(&mut alice, room).await.pop().unwrap();
    assert_eq!((now.text, now.edited), (Text("third".into()), Some(Seq(seq.0 + 2))));

    let revisions = Request::Revisions { room, message, after: None };
    for client in [&mut alice, &mut bob] {
        let Reply::Revisions { revisions, .. } = client.ask(revisions.clone()).await.unwrap() else {
            panic!()
        };
        let texts = revisions.into_iter().map(|revision| revision.text.0).collect::<Vec<_>>();
        assert_eq!(texts, ["first", "second"]);
    }
    assert_eq!(carol.refused(revisions).await, ErrorCode::Forbidden);
    let foreign = Request::Edit { room, message, text: "forged".into() };
    assert_eq!(alice.refused(foreign).await, ErrorCode::Forbidden);
    let log = Request::History { room, before: None, after: None, limit: 200 };
    let Reply::History(page) = carol.ask(log).await.unwrap() else { panic!("no history") };
    assert!(!protocol::encode(&page).contains("second"), "an earlier text is not for everyone");
    assert_eq!(
        bob.post_as(room, message, "first").await.map(drop),
        Ok(()),
        "a late resend is still the same"
    );
    assert_eq!(bob.post_as(room, message, "other").await.unwrap_err().code, ErrorCode::MessageIdReused);
}

#[tokio::test]
async fn a_deleted_message_keeps_its_place_and_nothing_of_what_it_said() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let message = message(&mut bob, room, "regrettable words").await;
    bob.ask(Request::Edit { room, message, text: "more regrettable words".into() }).await.unwrap();
    alice.ask(Request::React { room, message, emoji: "👍".into() }).await.unwrap();
    alice.ask(Request::Pin { room, message }).await.unwrap();
    let answer = alice.post(room, "as you say").await;
    assert_eq!(alice.ask(Request::Delete { room, message }).await.unwrap(), Reply::Done);
    assert!(matches!(hears_change(&mut bob, message).await, Change::Edited(_)));

    let Reply::Posted { seq, .. } = answer else { panic!("not posted") };
    let log = Request::History { room, before: None, after: None, limit: 200 };
    let Reply::History(page) = bob.ask(log).await.unwrap() else { panic!("no history") };
    assert!(!protocol::encode(&page).contains("regrettable"));
    assert_eq!(
        page.events.iter().map(|event| event.seq.0).collect::<Vec<_>>(),
        (1..=seq.0 + 1).collect::<Vec<_>>()
    );
    let (_, deleted) = page.events.into_iter().find_map(posted).unwrap();
    assert!(deleted.deleted && deleted.text.0.is_empty() && deleted.reactions.is_empty() && !deleted.pinned);
    for request in [
        Request::Delete { room, message },
        Request::Edit { room, message, text: "back".into() },
        Request::React { room, message, emoji: "👍".into() },
        Request::Pin { room, message },
        Request::Revisions { room, message, after: None },
    ] {
        assert_eq!(bob.ask(request).await.map(drop).map_err(|f| f.code == ErrorCode::Forbidden), Err(false));
    }
    let Reply::Messages { messages, .. } = bob.ask(Request::Pins { room, before: None }).await.unwrap()
    else {
        panic!()
    };
    assert!(messages.is_empty());
}

#[tokio::test]
async fn reactions_and_pins_said_twice_are_said_once() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let message = message(&mut alice, room, "lunch?").await;
    let react = |emoji: &str| Request::React { room, message, emoji: emoji.into() };
    for request in [
        react("👍"),
        react("👍"),
        react("🎉"),
        Request::Pin { room, message },
        Request::Pin { room, message },
    ] {
        assert_eq!(bob.ask(request).await.unwrap(), Reply::Done);
    }
    alice.ask(react("👍")).await.unwrap();
    bob.ask(Request::Unreact { room, message, emoji: "🎉".into() }).await.unwrap();
    bob.ask(Request::Unreact { room, message, emoji: "🎉".into() }).await.unwrap();

    let (_, stands) = posted_in(&mut alice, room).await.pop().unwrap();
    let both = vec![bobs.member.id, me.member.id];
    assert_eq!(stands.reactions, [Reaction { emoji: "👍".into(), by: both }]);
    assert!(stands.pinned);
    let head = match alice.post(room, "yes").await {
        Reply::Posted { seq, .. } => seq,
        other => panic!("not posted: {other:?}"),
    };
    let Reply::Messages { messages, more } = alice.ask(Request::Pins { room, before: None }).await.unwrap()
    else {
        panic!()
    };
    assert_eq!((messages.len(), more), (1, false));
    // Posted, three reactions and one taken back, one pin, then the answer: nothing was said twice.
    assert_eq!(head.0 - messages[0].seq.0, 6);
    assert_eq!(bob.refused(react("two words")).await, ErrorCode::OutOfBounds);
    assert_eq!(bob.refused(react("")).await, ErrorCode::OutOfBounds);
}

#[tokio::test]
async fn replies_threads_and_forwards_name_what_they_are_about() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let hidden = alice.create_room("hidden", Visibility::Private).await.id;
    let secret = message(&mut alice, hidden, "not for bob").await;
    let root = message(&mut alice, room, "where to?").await;
    let reply = |room, thread, reply_to, forward_of| {
        Request::Post(Post { thread, reply_to, forward_of, ..Post::new(room, message_id(), "x".into()) })
    };
    bob.ask(reply(room, Some(root), None, None)).await.unwrap();
    bob.ask(reply(room, Some(root), Some(root), None)).await.unwrap();
    alice.ask(reply(room, None, None, Some(secret))).await.unwrap();
    for foreign in [
        reply(room, Some(secret), None, None),
        reply(room, None, Some(secret), None),
        reply(room, None, None, Some(secret)),
        reply(room, None, None, Some(message_id())),
    ] {
        assert_eq!(bob.refused(foreign).await, ErrorCode::NotFound);
    }
    let all = posted_in(&mut alice, room).await;
    assert_eq!(all.iter().map(|(_, posted)| posted.n).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((all[0].1.replies, all[1].1.thread, all[2].1.reply_to), (2, Some(root), Some(root)));
    assert_eq!(all[3].1.forward_of, Some(secret));
    let nested = reply(room, Some(all[1].1.message), None, None);
    assert_eq!(bob.refused(nested).await, ErrorCode::OutOfBounds);
    let thread = |after| Request::Thread { room, message: root, after, limit: 1 };
    let Reply::Messages { messages, more } = bob.ask(thread(None)).await.unwrap() else { panic!() };
    assert_eq!((messages.len(), more), (1, true));
    let after = Some(messages[0].seq);
    let Reply::Messages { messages, more } = bob.ask(thread(after)).await.unwrap() else { panic!() };
    assert_eq!((messages[0].seq, more), (all[2].0, false));
}

#[tokio::test]
async fn mentions_are_read_by_the_host() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (_bob, bobs) = world.invited(&mut alice, "Bob Martin").await;
    let room = me.rooms[0].id;
    alice.post(room, "@bob martin, mail bob@example.org or ask @nobody in `@alice`").await;
    alice.post(room, "@room: @Alice is back").await;
    let all = posted_in(&mut alice, room).await;
    assert_eq!((all[0].1.mentions.clone(), all[0].1.mentions_room), (vec![bobs.member.id], false));
    assert_eq!((all[1].1.mentions.clone(), all[1].1.mentions_room), (vec![me.member.id], true));
}

#[tokio::test]
async fn a_hole_in_a_sync_still_tells_what_it_did_to_older_messages() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let (gone, edited) =
        (message(&mut alice, room, "to be deleted").await, message(&mut alice, room, "first").await);
    let Reply::Posted { seq: held, .. } = alice.post(room, "untouched").await else { panic!("not posted") };
    alice.ask(Request::Delete { room, message: gone }).await.unwrap();
    alice.ask(Request::Edit { room, message: edited, text: "second".into() }).await.unwrap();
    for _ in 0..protocol::limits::SYNC_ROOM_EVENTS {
        alice.post(room, "later").await;
    }
    let cursors = vec![protocol::Cursor { room, after: held }];
    let Reply::Synced { rooms } = alice.ask(Request::Sync { cursors }).await.unwrap() else {
        panic!("not synced")
    };
    let synced = rooms.into_iter().find(|synced| synced.room == room).unwrap();
    assert!(synced.events[0].seq > held.next(), "there is a hole");
    let changed =
        synced.changed.into_iter().filter_map(posted).map(|(_, posted)| (posted.message, posted.text.0));
    assert_eq!(changed.collect::<Vec<_>>(), [(gone, String::new()), (edited, "second".to_owned())]);
}
