//! How far members have read, what waits for them, and who is writing.

use protocol::{Attention, ErrorCode, Progress, Reply, Request, RoomId, Seq, SignIn, Visibility};

use crate::support::{Client, World, message_id};

async fn progress(client: &mut Client, room: RoomId) -> Progress {
    let Reply::ProgressList { rooms } = client.ask(Request::Progress).await.unwrap() else {
        panic!("no list")
    };
    rooms.into_iter().find(|progress| progress.room == room).unwrap()
}

async fn post(client: &mut Client, room: RoomId, text: &str) -> Seq {
    match client.post(room, text).await {
        Reply::Posted { seq, .. } => seq,
        other => panic!("not posted: {other:?}"),
    }
}

fn mark(room: RoomId, seq: Seq, back: bool) -> Request {
    Request::Mark { room, seq, back }
}

#[tokio::test]
async fn what_waits_is_counted_from_the_mark_and_all_devices_agree() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    post(&mut alice, room, "before bob came").await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    assert_eq!(
        bobs.progress.iter().map(|progress| progress.unread).sum::<u32>(),
        0,
        "nothing to catch up with"
    );
    let mut tablet = world.greet().await;
    tablet.sign_in(SignIn::Session { token: bobs.token.unwrap() }).await.unwrap();

    let first = post(&mut alice, room, "one").await;
    let second = post(&mut alice, room, "hello @bob and @room").await;
    let react = Request::React { room, message: message_id(), emoji: "👍".into() };
    assert_eq!(alice.refused(react).await, ErrorCode::NotFound);
    let now = progress(&mut bob, room).await;
    assert_eq!((now.unread, now.mentions), (2, 1));

    let Reply::Progress { progress: read, number } = bob.ask(mark(room, first, false)).await.unwrap() else {
        panic!()
    };
    assert_eq!((read.mark, read.unread, read.mentions, number), (first, 1, 1, 1));
    let heard = |reply| {
        if let Reply::Progress { progress, number } = reply { Some((progress, number)) } else { None }
    };
    assert_eq!(tablet.hears(heard).await, (read, 1));

    let all = Seq(u64::from(u32::MAX));
    let Reply::Progress { progress: read, .. } = bob.ask(mark(room, all, false)).await.unwrap() else {
        panic!()
    };
    assert_eq!((read.mark, read.unread, read.mentions), (second, 0, 0));
    let late = bob.ask(mark(room, first, false)).await.unwrap();
    assert_eq!(late, Reply::Progress { progress: read, number: 2 }, "what is so since the last change");
    assert_eq!(progress(&mut bob, room).await.mark, second, "a late device does not take the mark back");
    bob.ask(mark(room, first, true)).await.unwrap();
    assert_eq!(progress(&mut bob, room).await.unread, 1, "unread again on purpose");

    let quiet = Request::SetAttention { room, attention: Attention::Nothing };
    let Reply::Progress { progress: quiet, .. } = bob.ask(quiet).await.unwrap() else { panic!() };
    assert_eq!((quiet.attention, quiet.unread, quiet.mentions), (Attention::Nothing, 0, 0));
}

#[tokio::test]
async fn those_who_keep_it_to_themselves_are_not_named_among_the_readers() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, _) = world.invited(&mut alice, "carol").await;
    let room = me.rooms[0].id;
    let message = message_id();
    let Reply::Posted { seq, .. } = alice.post_as(room, message, "read this").await.unwrap() else {
        panic!()
    };
    carol.ask(Request::SetReceipts { shown: false }).await.unwrap();
    for reader in [&mut alice, &mut bob, &mut carol] {
        reader.ask(mark(room, seq, false)).await.unwrap();
    }
    let Reply::ReadBy { members, .. } =
        alice.ask(Request::ReadBy { room, message, after: None }).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(members, [bobs.member.id]);
}

#[tokio::test]
async fn marks_of_hidden_rooms_look_like_those_of_none() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let hidden = alice.create_room("hidden", Visibility::Private).await.id;
    let message = message_id();
    alice.post_as(hidden, message, "x").await.unwrap();
    for request in [
        mark(hidden, Seq(1), false),
        Request::SetAttention { room: hidden, attention: Attention::All },
        Request::ReadBy { room: hidden, message, after: None },
        Request::Typing { room: hidden },
    ] {
        assert_eq!(bob.refused(request).await, ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn a_room_hears_who_is_writing_once_in_a_while() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    for _ in 0..5 {
        assert_eq!(bob.ask(Request::Typing { room }).await.unwrap(), Reply::Done);
    }
    bob.post(room, "done").await;
    let mut told = 0;
    alice
        .hears(|reply| match reply {
            Reply::Typing { room: there, member } => {
                assert_eq!((there, member), (room, bobs.member.id));
                told += 1;
                None
            }
            Reply::Event { event } => matches!(event.change, protocol::Change::Posted(_)).then_some(()),
            _ => None,
        })
        .await;
    // A slow machine may take longer than one telling.
    assert!((1..5).contains(&told), "{told}");
}

#[tokio::test]
async fn only_what_others_said_and_still_stands_counts() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, _) = world.invited(&mut alice, "carol").await;
    let room = me.rooms[0].id;
    let counts = |progress: Progress| (progress.unread, progress.mentions);
    post(&mut bob, room, "@bob speaks of himself").await;
    assert_eq!(counts(progress(&mut bob, room).await), (0, 0), "one's own");
    let (one, two) = (message_id(), message_id());
    alice.post_as(room, one, "hello").await.unwrap();
    carol.post_as(room, two, "hello @bob").await.unwrap();
    assert_eq!(counts(progress(&mut bob, room).await), (2, 1));
    alice.ask(Request::Edit { room, message: one, text: "hello @bob".into() }).await.unwrap();
    assert_eq!(counts(progress(&mut bob, room).await), (2, 2), "an edit brings a mention");
    carol.ask(Request::Edit { room, message: two, text: "hello".into() }).await.unwrap();
    assert_eq!(counts(progress(&mut bob, room).await), (2, 1), "and takes one away");
    let carols = Request::SetBlock { member: id_of(&mut alice, "carol").await, blocked: true };
    bob.ask(carols).await.unwrap();
    assert_eq!(counts(progress(&mut bob, room).await), (1, 1), "whom I blocked does not count");
    alice.ask(Request::Delete { room, message: one }).await.unwrap();
    assert_eq!(counts(progress(&mut bob, room).await), (0, 0), "what is deleted does not count");
    // Whoever signs in is told the same.
    let mut tablet = world.greet().await;
    let again = tablet.sign_in(SignIn::Session { token: bobs.token.unwrap() }).await.unwrap();
    let told = again.progress.into_iter().find(|progress| progress.room == room).unwrap();
    assert_eq!(told, progress(&mut bob, room).await);
}

async fn id_of(client: &mut Client, name: &str) -> protocol::MemberId {
    let Reply::Members { members, .. } = client.ask(Request::Members { after: None }).await.unwrap() else {
        panic!("no members")
    };
    members.into_iter().find(|member| member.name == name).unwrap().id
}

#[tokio::test]
async fn who_came_later_is_not_named_among_the_readers() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let message = message_id();
    alice.post_as(room, message, "early").await.unwrap();
    world.invited(&mut alice, "bob").await;
    let Reply::ReadBy { members, .. } =
        alice.ask(Request::ReadBy { room, message, after: None }).await.unwrap()
    else {
        panic!("no readers")
    };
    assert!(members.is_empty());
}

#[tokio::test]
async fn what_is_counted_comes_in_the_order_of_the_log() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    for _ in 0..40 {
        alice.send(Request::post(room, message_id(), "x".into())).await;
        bob.send(mark(room, Seq(1), true)).await;
    }
    let (mut newest, mut answers) = (Seq::ZERO, 0);
    while answers < 40 {
        match bob.frame().await.unwrap().reply {
            Reply::Event { event } => newest = event.seq,
            Reply::Progress { progress, .. } => {
                assert!(newest == Seq::ZERO || progress.head == newest, "{} {newest:?}", progress.head.0);
                answers += 1;
            }
            _ => {}
        }
    }
}
