//! The plain story: come in, post, hear, read back.

use protocol::{Change, ErrorCode, Reply, Request, RoomId, Seq, Text, Visibility};
use uuid::Uuid;

use crate::support::{Client, World, message_id};

#[tokio::test]
async fn owner_and_member_talk_and_both_hear_the_same() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let general = me.rooms[0].clone();
    assert_eq!(
        (general.name.as_str(), general.visibility, general.members),
        ("general", Visibility::Public, 1)
    );
    assert!(me.token.is_some() && me.has_password);

    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    assert_eq!(bobs.rooms[0].id, general.id);
    let newcomer =
        alice.hears(|reply| if let Reply::Member { member } = reply { Some(member) } else { None }).await;
    assert_eq!((newcomer.name.as_str(), newcomer.online), ("bob", true));
    assert_eq!(alice.hears_event().await.change, Change::Joined { member: bobs.member.id });

    let Reply::Posted { seq, message, .. } = bob.post(general.id, "hello 👋").await else {
        panic!("not posted")
    };
    let event = alice.hears_event().await;
    assert_eq!((event.seq, event.by), (seq, bobs.member.id));
    let Change::Posted(posted) = event.change else { panic!("not posted") };
    assert_eq!((posted.message, posted.text, posted.n), (message, "hello 👋".into(), 1));
}

#[tokio::test]
async fn resending_a_message_gets_the_first_answer_and_makes_no_second() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let message = message_id();
    let first = alice.post_as(room, message, "once").await.unwrap();
    assert_eq!(alice.post_as(room, message, "once").await.unwrap(), first);
    let other = alice.post_as(room, message, "twice").await.unwrap_err();
    assert_eq!(other.code, ErrorCode::MessageIdReused);

    let world = world.restart().await;
    let mut alice = world.greet().await;
    alice.sign_in(protocol::SignIn::Session { token: me.token.unwrap() }).await.unwrap();
    assert_eq!(alice.post_as(room, message, "once").await.unwrap(), first);
    let texts = history(&mut alice, room, None, None).await;
    assert_eq!(texts.iter().filter(|(_, text)| text == "once").count(), 1);
}

#[tokio::test]
async fn history_pages_both_ways_without_gap_or_double() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    for number in 0..25 {
        alice.post(room, &format!("number {number}")).await;
    }
    let mut forwards = Vec::new();
    let mut after = Seq::ZERO;
    loop {
        let page = page(&mut alice, room, Some(after), None, 7).await;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        forwards.extend(page);
    }
    let mut backwards = Vec::new();
    let mut before = None;
    loop {
        let page = page(&mut alice, room, None, before, 4).await;
        let Some((first, _)) = page.first() else { break };
        before = Some(*first);
        backwards.splice(0..0, page);
    }
    assert_eq!(forwards, backwards);
    assert_eq!(forwards.iter().map(|(seq, _)| seq.0).collect::<Vec<_>>(), (1..=27).collect::<Vec<_>>());
    let between = page(&mut alice, room, Some(Seq(3)), Some(Seq(6)), 200).await;
    assert_eq!(between.iter().map(|(seq, _)| seq.0).collect::<Vec<_>>(), [4, 5]);
}

#[tokio::test]
async fn rooms_are_made_found_joined_and_left() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let public = alice.create_room("films", Visibility::Public).await;
    let private = alice.create_room("surprise", Visibility::Private).await;

    let Reply::Rooms { rooms, .. } = bob.ask(Request::Directory { after: None }).await.unwrap() else {
        panic!("no rooms")
    };
    assert_eq!(rooms.iter().map(|room| room.id).collect::<Vec<_>>(), [public.id]);
    assert_eq!(bob.refused(Request::JoinRoom { room: private.id }).await, ErrorCode::NotFound);
    assert_eq!(bob.post_as(public.id, message_id(), "hi").await.unwrap_err().code, ErrorCode::Forbidden);

    let Reply::Room { room } = bob.ask(Request::JoinRoom { room: public.id }).await.unwrap() else {
        panic!("no room")
    };
    assert_eq!(room.members, 2);
    assert_eq!(
        alice
            .hears(|reply| match reply {
                Reply::Event { event } if event.room == public.id && event.by == bobs.member.id =>
                    Some(event.change),
                _ => None,
            })
            .await,
        Change::Joined { member: bobs.member.id }
    );
    bob.post(public.id, "hi").await;
    assert_eq!(bob.ask(Request::LeaveRoom { room: public.id }).await.unwrap(), Reply::Done);
    assert_eq!(bob.refused(Request::LeaveRoom { room: public.id }).await, ErrorCode::Forbidden);
    let again = Request::CreateRoom {
        name: "Films".into(),
        topic: String::new(),
        visibility: Visibility::Public,
        reading: protocol::Reading::Start,
    };
    assert_eq!(bob.refused(again).await, ErrorCode::NameTaken);
}

#[tokio::test]
async fn unknown_and_hidden_rooms_look_the_same() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let hidden = alice.create_room("hidden", Visibility::Private).await.id;
    let unknown = RoomId(Uuid::now_v7());
    for request in [
        |room| Request::JoinRoom { room },
        |room| Request::LeaveRoom { room },
        |room| Request::History { room, before: None, after: None, limit: 10 },
        |room| Request::post(room, message_id(), Text("x".into())),
    ] {
        let answers =
            (bob.ask(request(hidden)).await.unwrap_err(), bob.ask(request(unknown)).await.unwrap_err());
        assert_eq!(answers.0, answers.1);
        assert_eq!(answers.0.code, ErrorCode::NotFound);
    }
}

async fn history(
    client: &mut Client,
    room: RoomId,
    after: Option<Seq>,
    before: Option<Seq>,
) -> Vec<(Seq, String)> {
    page(client, room, after, before, 200).await
}

async fn page(
    client: &mut Client,
    room: RoomId,
    after: Option<Seq>,
    before: Option<Seq>,
    limit: u32,
) -> Vec<(Seq, String)> {
    let Reply::History(page) = client.ask(Request::History { room, before, after, limit }).await.unwrap()
    else {
        panic!("no history")
    };
    let text = |change| if let Change::Posted(posted) = change { posted.text.0 } else { String::new() };
    page.events.into_iter().map(|event| (event.seq, text(event.change))).collect()
}
