//! Lists that are longer than a page: each comes whole, and each frame keeps its size.

use std::collections::BTreeSet;

use protocol::{
    ErrorCode, MessageId, Reading, Reply, Request, Revision, RoomId, RoomRole, Seq, Text, Visibility, encode,
    limits,
};

use crate::support::{Client, World, message_id};

/// Takes six bytes for each of its own in JSON.
fn bulky() -> String {
    "\u{1}".repeat(limits::TEXT_BYTES - 8)
}

fn fits(reply: &Reply) {
    assert!(encode(reply).len() < limits::SERVER_FRAME_BYTES, "a client takes no larger frame");
}

async fn pins(client: &mut Client, room: RoomId) -> Vec<Seq> {
    let mut pinned: Vec<Seq> = Vec::new();
    loop {
        let reply = client.ask(Request::Pins { room, before: pinned.last().copied() }).await.unwrap();
        fits(&reply);
        let Reply::Messages { messages, more } = reply else { panic!("no pins") };
        pinned.extend(messages.iter().map(|event| event.seq));
        if !more {
            return pinned;
        }
        assert!(!messages.is_empty());
    }
}

async fn revisions(client: &mut Client, room: RoomId, message: MessageId) -> Vec<Revision> {
    let mut found: Vec<Revision> = Vec::new();
    loop {
        let after = found.last().map(|revision| revision.seq);
        let reply = client.ask(Request::Revisions { room, message, after }).await.unwrap();
        fits(&reply);
        let Reply::Revisions { revisions, more, .. } = reply else { panic!("no revisions") };
        assert!(!more || !revisions.is_empty());
        found.extend(revisions);
        if !more {
            return found;
        }
    }
}

#[tokio::test]
async fn pinned_messages_of_any_size_are_all_there() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let mut expected = Vec::new();
    for _ in 0..limits::PINS {
        let message = message_id();
        let Reply::Posted { seq, .. } = alice.post_as(room, message, &bulky()).await.unwrap() else {
            panic!()
        };
        alice.ask(Request::Pin { room, message }).await.unwrap();
        expected.insert(0, seq);
    }
    assert_eq!(pins(&mut alice, room).await, expected);
    assert_eq!(pins(&mut alice, me.rooms[0].id).await.len(), limits::PINS as usize);
}

#[tokio::test]
async fn pins_that_nobody_sees_any_more_take_no_place() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, his) = world.invited(&mut alice, "bob").await;
    let (name, visibility) = ("later".into(), Visibility::Private);
    let create = Request::CreateRoom { name, topic: String::new(), visibility, reading: Reading::Join };
    let Reply::Room { room } = alice.ask(create).await.unwrap() else { panic!("no room") };
    for _ in 0..limits::PINS {
        let message = message_id();
        alice.post_as(room.id, message, "old").await.unwrap();
        alice.ask(Request::Pin { room: room.id, message }).await.unwrap();
    }
    alice.ask(Request::AddToRoom { room: room.id, member: his.member.id }).await.unwrap();
    let message = message_id();
    bob.post_as(room.id, message, "new").await.unwrap();
    let pin = Request::Pin { room: room.id, message };
    assert_eq!(alice.refused(pin.clone()).await, ErrorCode::OutOfBounds, "she sees them all");
    let role = RoomRole::Admin;
    alice.ask(Request::SetRoomRole { room: room.id, member: his.member.id, role }).await.unwrap();
    alice.ask(Request::LeaveRoom { room: room.id }).await.unwrap();
    bob.ask(pin).await.unwrap();
    assert_eq!(pins(&mut bob, room.id).await.len(), 1);
}

#[tokio::test]
async fn what_a_message_said_before_is_all_there_however_often_it_was_edited() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (room, message) = (me.rooms[0].id, message_id());
    let text = |number: usize| format!("{number:06}{}", if number < 60 { bulky() } else { String::new() });
    alice.post_as(room, message, &text(0)).await.unwrap();
    let edits = 300;
    for number in 1..=edits {
        let text = Text(text(number));
        alice.ask(Request::Edit { room, message, text }).await.unwrap();
    }
    let found = revisions(&mut alice, room, message).await;
    let said = found.iter().map(|revision| revision.text.0.clone()).collect::<Vec<_>>();
    assert!(said.iter().eq((0..edits).map(text).collect::<Vec<_>>().iter()), "each once, oldest first");
}

#[tokio::test]
async fn what_was_said_before_can_be_read_in_an_archived_room() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (room, message) = (me.rooms[0].id, message_id());
    alice.post_as(room, message, "first").await.unwrap();
    alice.ask(Request::Edit { room, message, text: "second".into() }).await.unwrap();
    alice.ask(Request::ArchiveRoom { room }).await.unwrap();
    assert_eq!(revisions(&mut alice, room, message).await.len(), 1);
}

#[tokio::test]
async fn the_directory_of_a_large_host_is_paged_to_its_end() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let (mut carol, _) = world.invited(&mut alice, "carol").await;
    let most = limits::LIST_ITEMS as usize;
    let mut expected = BTreeSet::new();
    for number in 0..most + 20 {
        let maker = if number % 2 == 0 { &mut bob } else { &mut carol };
        expected.insert(maker.create_room(&format!("room {number:04}"), Visibility::Public).await.id);
    }
    let hidden = bob.create_room("hidden", Visibility::Private).await.id;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let Reply::Rooms { rooms, more } = alice.ask(Request::Directory { after }).await.unwrap() else {
            panic!("no rooms")
        };
        assert!(rooms.len() <= most);
        after = rooms.last().map(|room| room.id);
        found.extend(rooms);
        if !more {
            break;
        }
    }
    assert!(found.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert_eq!(found.iter().map(|room| room.id).collect::<BTreeSet<_>>(), expected);
    for nowhere in [hidden, RoomId(message_id().0)] {
        assert_eq!(alice.refused(Request::Directory { after: Some(nowhere) }).await, ErrorCode::NotFound);
    }
}
