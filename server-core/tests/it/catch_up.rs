//! Coming back: sync from cursors, presence, restart.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::{Change, Cursor, Event, MessageId, Reply, Request, RoomSync, Seq, SignIn, Visibility, limits};

use crate::support::{Client, World, message_id};

#[tokio::test]
async fn a_returning_device_gets_exactly_what_it_missed() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = bobs.rooms[0].id;
    let Reply::Posted { seq, .. } = alice.post(room, "seen").await else { panic!("not posted") };
    bob.hears(|reply| matches!(reply, Reply::Event { event } if event.seq == seq).then_some(())).await;
    drop(bob);
    for text in ["missed 1", "missed 2"] {
        alice.post(room, text).await;
    }

    let world = world.restart().await;
    let mut bob = world.greet().await;
    let again = bob.sign_in(SignIn::Session { token: bobs.token.unwrap() }).await.unwrap();
    assert_eq!((again.member.id, again.device, again.token), (bobs.member.id, bobs.device, None));
    let synced = sync(&mut bob, vec![Cursor { room, after: seq }]).await;
    assert_eq!(synced.len(), 1);
    assert_eq!(
        synced[0].events.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [seq.next(), seq.next().next()]
    );
    assert_eq!(synced[0].head, seq.next().next());
    let nothing = sync(&mut bob, vec![Cursor { room, after: synced[0].head }]).await;
    assert!(nothing[0].events.is_empty());
}

#[tokio::test]
async fn a_large_gap_brings_the_newest_and_leaves_a_hole() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    for _ in 0..limits::SYNC_ROOM_EVENTS + 10 {
        alice.send(Request::post(room, message_id(), "x".into())).await;
    }
    alice.post(room, "last").await;
    let synced = sync(&mut alice, vec![Cursor { room, after: Seq(1) }]).await;
    let numbers = synced[0].events.iter().map(|event| event.seq.0).collect::<Vec<_>>();
    let head = synced[0].head.0;
    assert_eq!(head, u64::from(limits::SYNC_ROOM_EVENTS) + 13);
    assert_eq!(numbers, (head - u64::from(limits::SYNC_ROOM_EVENTS) + 1..=head).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_sync_fits_its_frame_whatever_was_written() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    // Each of these bytes takes six in JSON.
    let text = "\u{1}".repeat(limits::TEXT_BYTES);
    let mut rooms = vec![me.rooms[0].id, alice.create_room("other", Visibility::Private).await.id];
    rooms.sort();
    for room in &rooms {
        for _ in 0..40 {
            alice.post(*room, &text).await;
        }
    }
    let synced = sync(&mut alice, Vec::new()).await;
    assert_eq!(synced.len(), 2);
    for room in synced {
        assert!(room.events.windows(2).all(|pair| pair[0].seq.next() == pair[1].seq));
        assert!(room.events.last().is_none_or(|event| event.seq == room.head));
    }
}

/// Takes what a sync said of a room, and pages on where it says that this is not all, as any client does.
async fn deleted_as_told(client: &mut Client, told: RoomSync, after: Seq) -> BTreeSet<MessageId> {
    let deleted = |event: Event| match event.change {
        Change::Posted(posted) if posted.deleted => Some(posted.message),
        Change::Deleted { message } => Some(message),
        _ => None,
    };
    let first = told.events.first().map_or(told.head.next(), |event| event.seq);
    let mut known = told.changed.into_iter().chain(told.events).filter_map(deleted).collect::<BTreeSet<_>>();
    let mut held = after;
    while told.more && held.next() < first {
        let (before, after) = (Some(first), Some(held));
        let request = Request::History { room: told.room, before, after, limit: 200 };
        let Reply::History(page) = client.ask(request).await.unwrap() else { panic!("no history") };
        held = page.events.last().expect("the hole goes on to the first event").seq;
        known.extend(page.events.into_iter().filter_map(deleted));
    }
    known
}

#[tokio::test]
async fn who_was_away_while_very_much_was_deleted_learns_of_all_of_it() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let rooms = [me.rooms[0].id, alice.create_room("other", Visibility::Private).await.id];
    let (mut gone, mut cursors) = (Vec::new(), Vec::new());
    for room in rooms {
        for _ in 0..700 {
            let message = message_id();
            alice.send(Request::post(room, message, "not for long".into())).await;
            gone.push((room, message));
        }
        let Reply::Posted { seq, .. } = alice.post(room, "stays").await else { panic!("not posted") };
        cursors.push(Cursor { room, after: seq });
    }
    for (room, message) in gone.iter().copied() {
        alice.send(Request::Delete { room, message }).await;
    }
    // What comes after them on the write path is answered after them.
    alice.post(rooms[0], "all gone").await;
    let synced = sync(&mut alice, cursors.clone()).await;
    assert!(synced.iter().any(|room| room.more), "it is more than one answer holds, and it says so");
    let mut known = BTreeSet::new();
    for told in synced {
        let after = cursors.iter().find(|cursor| cursor.room == told.room).unwrap().after;
        known.extend(deleted_as_told(&mut alice, told, after).await);
    }
    assert_eq!(known, gone.into_iter().map(|(_, message)| message).collect());
}

#[tokio::test]
async fn presence_is_told_when_members_come_and_go() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (bob, bobs) = world.invited(&mut alice, "bob").await;
    let bob_is = |came: bool| {
        move |reply| match reply {
            Reply::Presence { online, offline, .. } => {
                (if came { online } else { offline }).contains(&bobs.member.id).then_some(())
            }
            _ => None,
        }
    };
    alice.hears(bob_is(true)).await;
    let Reply::Members { members, more } = alice.ask(Request::Members { after: None }).await.unwrap() else {
        panic!("no members")
    };
    assert_eq!((members.len(), more), (2, false));
    assert!(members.iter().all(|member| member.online));
    drop(bob);
    alice.hears(bob_is(false)).await;
    assert_eq!(world.server.online_count(), 1);
    let Reply::Members { members, .. } =
        alice.ask(Request::Members { after: Some(me.member.id) }).await.unwrap()
    else {
        panic!("no members")
    };
    assert!(members.iter().all(|member| !member.online));
}

#[tokio::test]
async fn a_stop_tells_clients_to_come_back() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let closed = tokio::spawn(async move { alice.closed().await });
    world.server.stop().await;
    assert_eq!(closed.await.unwrap(), 4000);
}

#[tokio::test]
async fn a_silent_peer_has_left_after_its_lease() {
    let world = World::start_with(|config| {
        config.timeouts.heartbeat = Duration::from_millis(100);
        config.timeouts.lease = Duration::from_millis(400);
    })
    .await;
    let (alice, _) = world.alice().await;
    // Never reading, it never answers a ping.
    let mut online = world.server.watch_online();
    crate::support::soon(online.wait_for(|online| *online == 0)).await.unwrap();
    drop(alice);
}

#[tokio::test]
async fn a_live_but_quiet_peer_keeps_its_lease() {
    let world = World::start_with(|config| {
        config.timeouts.heartbeat = Duration::from_millis(50);
        config.timeouts.lease = Duration::from_secs(20);
    })
    .await;
    let (mut alice, _) = world.alice().await;
    for _ in 0..20 {
        assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
    }
}

async fn sync(client: &mut Client, cursors: Vec<Cursor>) -> Vec<RoomSync> {
    match client.ask(Request::Sync { cursors }).await.unwrap() {
        Reply::Synced { rooms } => rooms,
        other => panic!("not synced: {other:?}"),
    }
}
