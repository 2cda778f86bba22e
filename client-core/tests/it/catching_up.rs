//! Coming back: exactly what was missed, however much it is.

use client_core::{ConnectionState, WaitReason};
use protocol::{MessageId, Reply, Request, Seq, Visibility};
use server_core::admin::{Command, restore};
use uuid::Uuid;

use crate::bare::Bare;
use crate::stage::{Stage, bounded, delivered, event, general, live, post, state, texts, whole};

#[tokio::test(flavor = "multi_thread")]
async fn a_returning_client_gets_exactly_what_it_missed() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), (bobs, bob)) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    post(&alice, room, "seen").await;
    let mut seen = bob.subscribe();
    while texts(&bob.timeline(room, None, 50).await.unwrap().items).is_empty() {
        bounded("the first message", seen.next()).await.unwrap();
    }
    bobs.stop().await;
    for text in ["missed one", "missed two"] {
        post(&alice, room, text).await;
    }
    let bobs = stage.profile("bob").await;
    let bob = bobs.start().await.unwrap().remove(0);
    live(&bob).await;
    assert_eq!(
        texts(&bob.timeline(room, None, 50).await.unwrap().items),
        ["seen", "missed one", "missed two"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_too_large_to_sync_is_paged_each_event_once() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), (bobs, bob)) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    post(&alice, room, "seen").await;
    live(&bob).await;
    bobs.stop().await;
    let missed: Vec<String> = (0..470).map(|number| format!("missed {number}")).collect();
    let mut last = None;
    for text in &missed {
        last = Some(alice.send(room, text.clone()).await.unwrap());
    }
    let head = delivered(&alice, last.unwrap()).await;

    let bobs = stage.profile("bob").await;
    let bob = bobs.start().await.unwrap().remove(0);
    live(&bob).await;
    let items = whole(&bob, room, 77).await;
    assert_eq!(
        items.iter().map(|item| item.seq.unwrap().0).collect::<Vec<_>>(),
        (1..=head.0).collect::<Vec<_>>()
    );
    assert_eq!(texts(&items)[1..], missed);
    bobs.stop().await;

    let bobs = stage.profile("bob").await;
    server.stop().await;
    let bob = bobs.start().await.unwrap().remove(0);
    let offline = bob.timeline(room, Some(Seq(300)), 100).await.unwrap();
    assert_eq!(offline.items.len(), 100, "what was paged once is held for good");
    assert!(!offline.gap);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_while_very_much_was_deleted_shows_none_of_it() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), (bobs, bob)) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    let mut bare = Bare::of(&server, "alice").await;
    let mut said = Vec::new();
    for number in 0..1100 {
        let message = MessageId(Uuid::now_v7());
        bare.send(Request::post(room, message, format!("secret {number}").into())).await;
        said.push(message);
    }
    let last = Request::post(room, MessageId(Uuid::now_v7()), "bob has all of it".into());
    let Reply::Posted { seq: head, .. } = bare.ask(last).await else { panic!("not posted") };
    let mut events = bob.subscribe();
    while bob.timeline(room, None, 1).await.unwrap().items[0].seq != Some(head) {
        bounded("what alice says", events.next()).await.unwrap();
    }
    bobs.stop().await;
    drop(bob);
    for message in said {
        bare.send(Request::Delete { room, message }).await;
    }
    bare.ask(Request::post(room, MessageId(Uuid::now_v7()), "all gone".into())).await;

    let bobs = stage.profile("bob").await;
    let bob = bobs.start().await.unwrap().remove(0);
    live(&bob).await;
    server.stop().await;
    state(&bob, "the loss", |state| !state.is_live()).await;
    let kept = whole(&bob, room, 150).await;
    let read = texts(&kept).into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    assert_eq!(read, ["bob has all of it", "all gone"]);
    assert!(kept.len() > 1100, "read up to {head:?} and beyond");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_connection_a_hole_is_said_to_be_one() {
    let stage = Stage::new();
    let server = stage.host().await;
    let address = server.local_addr();
    let ((_a, alice), (bobs, bob)) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    bobs.stop().await;
    drop(bob);
    let mut last = None;
    for number in 0..300 {
        last = Some(alice.send(room, number.to_string()).await.unwrap());
    }
    delivered(&alice, last.unwrap()).await;
    let bobs = stage.profile("bob").await;
    let bob = bobs.start().await.unwrap().remove(0);
    live(&bob).await;
    server.stop().await;
    state(&bob, "the loss", |state| !state.is_live()).await;
    let page = bob.timeline(room, None, 150).await.unwrap();
    assert!(!page.gap);
    let older = bob.timeline(room, page.items[0].seq, 150).await.unwrap();
    assert!(older.gap && !older.at_start);
    let server = stage.host_at("studio", address).await;
    bob.retry_now();
    live(&bob).await;
    let older = bob.timeline(room, page.items[0].seq, 150).await.unwrap();
    assert_eq!((older.gap, older.items.len()), (false, 150));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_host_is_found_again_by_itself() {
    let stage = Stage::new();
    let server = stage.host().await;
    let address = server.local_addr();
    let ((_a, alice), (_b, bob)) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    server.stop().await;
    let waiting = state(&bob, "waiting", |state| matches!(state, ConnectionState::Waiting { .. })).await;
    assert!(
        matches!(&waiting, ConnectionState::Waiting { reason: WaitReason::HostStopping, .. }),
        "a host that stops says so: {waiting:?}"
    );
    let server = stage.host_at("studio", address).await;
    live(&alice).await;
    live(&bob).await;
    post(&alice, room, "back").await;
    let mut events = bob.subscribe();
    while !texts(&bob.timeline(room, None, 9).await.unwrap().items).contains(&"back") {
        bounded("the message", events.next()).await.unwrap();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_made_by_another_is_found_joined_and_read() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), (_b, bob)) = stage.alice_and_bob(&server).await;
    let room = alice.create_room("book club", "one a month", Visibility::Public).await.unwrap();
    post(&alice, room.id, "welcome").await;
    let listed = bob.directory().await.unwrap();
    assert_eq!(listed.iter().map(|room| room.name.as_str()).collect::<Vec<_>>(), ["book club"]);
    let mut events = bob.subscribe();
    bob.join_room(room.id).await.unwrap();
    assert_eq!(bob.rooms().await.unwrap().len(), 2);
    assert_eq!(texts(&whole(&bob, room.id, 50).await), ["welcome"]);
    event(&mut events, "the list of rooms", |event| match event {
        client_core::ClientEvent::Rooms(rooms) if rooms.len() == 2 => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_here_is_known_and_forgotten_with_the_connection() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), (bobs, bob)) = stage.alice_and_bob(&server).await;
    let bob_id = bob.me().unwrap().id;
    let mut events = alice.subscribe();
    let here =
        |members: Vec<protocol::Member>| members.iter().any(|member| member.id == bob_id && member.online);
    while !here(alice.members().await.unwrap()) {
        bounded("bob's coming", events.next()).await.unwrap();
    }
    bobs.stop().await;
    while here(alice.members().await.unwrap()) {
        bounded("bob's going", events.next()).await.unwrap();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_moved_is_followed_and_nothing_is_missed() {
    let stage = Stage::new();
    let old = stage.host().await;
    let ((_a, alice), (bobs, bob)) = stage.alice_and_bob(&old).await;
    let room = general(&alice).await;
    post(&alice, room, "at the old place").await;
    bobs.stop().await;
    drop(bob);
    let (id, address) = (old.host_id().clone(), old.local_addr());
    let copy = stage.folder().join("copy");
    old.administer(Command::Backup { to: copy.clone() }).await.unwrap();
    let there = server_core::Config::new(stage.folder().join("moved"), ([127, 0, 0, 1], 0).into());
    restore(copy, there).await.unwrap();
    let new = stage.host_at("moved", ([127, 0, 0, 1], 0).into()).await;
    assert_eq!(*new.host_id(), id);
    old.administer(Command::Forward { to: vec![new.local_addr().to_string()] }).await.unwrap();

    live(&alice).await;
    post(&alice, room, "at the new place").await;
    let bobs = stage.profile("bob").await;
    let bob = bobs.start().await.unwrap().remove(0);
    live(&bob).await;
    let items = bob.timeline(room, None, 50).await.unwrap().items;
    assert_eq!(texts(&items), ["at the old place", "at the new place"]);
    let known = bob.addresses().await.unwrap();
    assert_eq!(known.first(), Some(&new.local_addr().to_string()), "not {address}");
}
