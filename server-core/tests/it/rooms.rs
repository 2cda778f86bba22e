//! Rooms: private and direct ones, what they are called and show, who comes in, and their end.

use protocol::{
    Change, ErrorCode, Event, MemberId, Reading, Reply, Request, Role, Room, RoomId, RoomRole, Seq, SignIn,
    Visibility,
};

use crate::support::{Client, World, message_id};

async fn room_of(client: &mut Client, request: Request) -> Room {
    match client.ask(request).await.unwrap() {
        Reply::Room { room } => room,
        other => panic!("no room: {other:?}"),
    }
}

async fn history(client: &mut Client, room: RoomId) -> Vec<Event> {
    let request = Request::History { room, before: None, after: None, limit: 200 };
    match client.ask(request).await.unwrap() {
        Reply::History(page) => page.events,
        other => panic!("no history: {other:?}"),
    }
}

/// The next event of `room`.
async fn hears_in(client: &mut Client, room: RoomId) -> Event {
    client
        .hears(|reply| match reply {
            Reply::Event { event } if event.room == room => Some(event),
            _ => None,
        })
        .await
}

async fn members(client: &mut Client, room: RoomId) -> Vec<(MemberId, RoomRole)> {
    match client.ask(Request::RoomMembers { room, after: None }).await.unwrap() {
        Reply::RoomMembers { members, more: false } => {
            members.into_iter().map(|member| (member.member, member.role)).collect()
        }
        other => panic!("no members: {other:?}"),
    }
}

#[tokio::test]
async fn the_same_few_have_the_same_direct_room_whoever_opens_it() {
    let world = World::start().await;
    let (mut alice, alices) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let with = |members: &[MemberId]| Request::OpenDirect { members: members.to_vec() };
    let pair = room_of(&mut alice, with(&[bobs.member.id])).await;
    assert_eq!((pair.name.as_str(), pair.with.as_slice()), ("bob", [bobs.member.id].as_slice()));
    let pushed = bob.hears(|reply| if let Reply::Room { room } = reply { Some(room) } else { None }).await;
    assert_eq!((pushed.id, pushed.name.as_str()), (pair.id, "alice"));
    assert_eq!(room_of(&mut bob, with(&[alices.member.id])).await.id, pair.id);
    let group = room_of(&mut bob, with(&[alices.member.id, carols.member.id])).await;
    assert_ne!(group.id, pair.id);
    assert_eq!(group.name, "alice, carol");
    let again = with(&[bobs.member.id, alices.member.id, bobs.member.id]);
    assert_eq!(room_of(&mut carol, again).await.id, group.id);
    assert_eq!(carol.refused(Request::RoomMembers { room: pair.id, after: None }).await, ErrorCode::NotFound);
    for request in [
        Request::LeaveRoom { room: pair.id },
        Request::RenameRoom { room: pair.id, name: "us".into() },
        Request::AddToRoom { room: pair.id, member: carols.member.id },
        Request::DeleteRoom { room: pair.id },
    ] {
        assert_eq!(alice.refused(request).await, ErrorCode::Forbidden);
    }
    for members in [vec![], vec![alices.member.id]] {
        assert_eq!(alice.refused(Request::OpenDirect { members }).await, ErrorCode::OutOfBounds);
    }
}

#[tokio::test]
async fn a_private_room_is_there_only_for_those_brought_into_it() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let room = bob.create_room("plans", Visibility::Private).await;
    assert_eq!(room.role, RoomRole::Admin);
    bob.post(room.id, "first").await;
    for request in [
        Request::JoinRoom { room: room.id },
        Request::History { room: room.id, before: None, after: None, limit: 1 },
        Request::AddToRoom { room: room.id, member: carols.member.id },
        Request::RenameRoom { room: room.id, name: "mine".into() },
        Request::DeleteRoom { room: room.id },
    ] {
        // Not even the owner sees a room they were not brought into.
        assert_eq!(alice.refused(request.clone()).await, ErrorCode::NotFound);
        assert_eq!(carol.refused(request).await, ErrorCode::NotFound);
    }
    bob.ask(Request::AddToRoom { room: room.id, member: carols.member.id }).await.unwrap();
    let pushed = carol.hears(|reply| if let Reply::Room { room } = reply { Some(room) } else { None }).await;
    assert_eq!((pushed.id, pushed.role), (room.id, RoomRole::Member));
    let joined = hears_in(&mut carol, room.id).await;
    assert_eq!((joined.by, joined.change), (bobs.member.id, Change::Joined { member: carols.member.id }));
    assert_eq!(history(&mut carol, room.id).await.len(), 4);
    assert_eq!(members(&mut carol, room.id).await.len(), 2);
    let rename = Request::RenameRoom { room: room.id, name: "mine".into() };
    assert_eq!(carol.refused(rename.clone()).await, ErrorCode::Forbidden);
    let role = Request::SetRoomRole { room: room.id, member: carols.member.id, role: RoomRole::Admin };
    assert_eq!(carol.refused(role.clone()).await, ErrorCode::Forbidden);
    bob.ask(role).await.unwrap();
    assert_eq!(room_of(&mut carol, rename).await.name, "mine");
}

#[tokio::test]
async fn whoever_is_taken_out_hears_nothing_from_that_very_event_on() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = alice.create_room("plans", Visibility::Private).await;
    alice.ask(Request::AddToRoom { room: room.id, member: bobs.member.id }).await.unwrap();
    assert!(matches!(hears_in(&mut bob, room.id).await.change, Change::Joined { .. }));
    alice.post(room.id, "for bob too").await;
    assert!(matches!(hears_in(&mut bob, room.id).await.change, Change::Posted { .. }));
    alice.send(Request::RemoveFromRoom { room: room.id, member: bobs.member.id }).await;
    for _ in 0..20 {
        alice.post(room.id, "not for bob").await;
    }
    bob.hears(|reply| match reply {
        Reply::RoomGone { room: gone } if gone == room.id => Some(()),
        Reply::Event { event } if event.room == room.id => panic!("bob heard {event:?}"),
        _ => None,
    })
    .await;
    let post = Request::post(room.id, message_id(), "still here?".into());
    assert_eq!(bob.refused(post).await, ErrorCode::NotFound);
    let Reply::Synced { rooms } = bob.ask(Request::Sync { cursors: vec![] }).await.unwrap() else { panic!() };
    assert!(rooms.iter().all(|synced| synced.room != room.id));
    assert_eq!(
        alice.refused(Request::RemoveFromRoom { room: room.id, member: bobs.member.id }).await,
        ErrorCode::NotFound
    );
}

#[tokio::test]
async fn what_changes_of_a_room_is_on_its_log() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = alice.create_room("films", Visibility::Public).await.id;
    room_of(&mut bob, Request::JoinRoom { room }).await;
    hears_in(&mut bob, room).await;
    let renamed = room_of(&mut alice, Request::RenameRoom { room, name: " cinema ".into() }).await;
    assert_eq!(renamed.name, "cinema");
    assert_eq!(hears_in(&mut bob, room).await.change, Change::Renamed { name: "cinema".into() });
    room_of(&mut bob, Request::SetTopic { room, topic: "Fridays".into() }).await;
    let head = room_of(&mut bob, Request::SetTopic { room, topic: "Fridays".into() }).await.head;
    room_of(&mut alice, Request::SetReading { room, reading: Reading::Join }).await;
    let archived = room_of(&mut alice, Request::ArchiveRoom { room }).await;
    assert!(archived.archived && archived.head == Seq(head.0 + 2), "saying the same again is no event");
    let post = Request::post(room, message_id(), "hello".into());
    assert_eq!(alice.refused(post.clone()).await, ErrorCode::Forbidden);
    assert_eq!(bob.refused(Request::RestoreRoom { room }).await, ErrorCode::Forbidden);
    room_of(&mut alice, Request::RestoreRoom { room }).await;
    alice.ask(post).await.unwrap();
    let changes = history(&mut alice, room).await.into_iter().map(|event| event.change).collect::<Vec<_>>();
    assert_eq!(
        changes[3..8],
        [
            Change::Renamed { name: "cinema".into() },
            Change::TopicSet { topic: "Fridays".into() },
            Change::ReadingSet { reading: Reading::Join },
            Change::Archived,
            Change::Restored,
        ]
    );
    assert_eq!(
        alice.refused(Request::RenameRoom { room, name: "GENERAL".into() }).await,
        ErrorCode::NameTaken
    );
}

#[tokio::test]
async fn where_reading_begins_with_the_joining_nothing_before_it_is_shown() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let request = Request::CreateRoom {
        name: "board".into(),
        topic: String::new(),
        visibility: Visibility::Private,
        reading: Reading::Join,
    };
    let room = room_of(&mut alice, request).await.id;
    for text in ["one", "two", "three"] {
        alice.post(room, text).await;
    }
    alice.ask(Request::AddToRoom { room, member: bobs.member.id }).await.unwrap();
    alice.post(room, "four").await;
    let first = |events: &[Event]| events.first().map(|event| event.seq);
    assert_eq!(first(&history(&mut bob, room).await), Some(Seq(6)));
    for (before, after) in [(Some(Seq(7)), None), (None, Some(Seq(1))), (Some(Seq(8)), Some(Seq(2)))] {
        let request = Request::History { room, before, after, limit: 200 };
        let Reply::History(page) = bob.ask(request).await.unwrap() else { panic!("no history") };
        assert_eq!(first(&page.events), Some(Seq(6)));
    }
    let before = Request::History { room, before: Some(Seq(6)), after: None, limit: 200 };
    let Reply::History(page) = bob.ask(before).await.unwrap() else { panic!("no history") };
    assert!(page.events.is_empty(), "an empty page is the end");
    let Reply::Synced { rooms } = bob.ask(Request::Sync { cursors: vec![] }).await.unwrap() else { panic!() };
    let synced = rooms.iter().find(|synced| synced.room == room).unwrap();
    assert_eq!((first(&synced.events), synced.events.len()), (Some(Seq(6)), 2));
    assert_eq!(history(&mut alice, room).await.len(), 7);
    alice.ask(Request::RemoveFromRoom { room, member: bobs.member.id }).await.unwrap();
    alice.post(room, "five").await;
    alice.ask(Request::AddToRoom { room, member: bobs.member.id }).await.unwrap();
    assert_eq!(first(&history(&mut bob, room).await), Some(Seq(10)), "who comes back starts anew");
}

#[tokio::test]
async fn a_deleted_room_is_gone_for_everyone() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = alice.create_room("films", Visibility::Public).await.id;
    room_of(&mut bob, Request::JoinRoom { room }).await;
    bob.post(room, "soon gone").await;
    assert_eq!(bob.refused(Request::DeleteRoom { room }).await, ErrorCode::Forbidden);
    assert_eq!(alice.ask(Request::DeleteRoom { room }).await.unwrap(), Reply::Done);
    bob.hears(|reply| if reply == (Reply::RoomGone { room }) { Some(()) } else { None }).await;
    for request in [
        Request::JoinRoom { room },
        Request::History { room, before: None, after: None, limit: 1 },
        Request::RestoreRoom { room },
        Request::DeleteRoom { room },
    ] {
        assert_eq!(alice.refused(request.clone()).await, ErrorCode::NotFound);
        assert_eq!(bob.refused(request).await, ErrorCode::NotFound);
    }
    alice.create_room("films", Visibility::Public).await;
}

#[tokio::test]
async fn an_invite_leads_into_its_rooms_and_a_guest_into_these_alone() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let plans = alice.create_room("plans", Visibility::Private).await.id;
    let bobs = bob.create_room("bob's", Visibility::Private).await.id;
    let invite =
        |rooms: Vec<RoomId>| Request::CreateInvite { role: Role::Guest, uses: 2, life_ms: 60_000, rooms };
    assert_eq!(alice.refused(invite(vec![plans, bobs])).await, ErrorCode::NotFound);
    let Reply::InviteCreated { token, invite } = alice.ask(invite(vec![plans])).await.unwrap() else {
        panic!()
    };
    assert_eq!(invite.rooms, [plans]);
    let by = SignIn::Invite { token: token.clone(), name: "gina".into(), password: None };
    let mut gina = world.greet().await;
    let ginas = gina.sign_in(by).await.unwrap();
    assert_eq!(ginas.rooms.iter().map(|room| room.id).collect::<Vec<_>>(), [plans]);
    gina.post(plans, "hello").await;
    let direct = Request::OpenDirect { members: vec![invite.by] };
    assert_eq!(gina.refused(direct).await, ErrorCode::Forbidden);
    alice.ask(Request::DeleteRoom { room: plans }).await.unwrap();
    let by = SignIn::Invite { token, name: "gus".into(), password: None };
    assert_eq!(world.greet().await.sign_in(by).await.unwrap_err().code, ErrorCode::InviteRevoked);
}

#[tokio::test]
async fn a_room_and_a_member_take_no_more_than_their_limits() {
    let world = World::start_with(|config| {
        config.limits.members_per_room = 2;
        config.limits.rooms_per_member = 3;
    })
    .await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let room = alice.create_room("one", Visibility::Public).await.id;
    alice.ask(Request::AddToRoom { room, member: bobs.member.id }).await.unwrap();
    assert_eq!(
        alice.refused(Request::AddToRoom { room, member: carols.member.id }).await,
        ErrorCode::OutOfBounds
    );
    assert_eq!(carol.refused(Request::JoinRoom { room }).await, ErrorCode::OutOfBounds);
    bob.create_room("two", Visibility::Private).await;
    let third = Request::CreateRoom {
        name: "three".into(),
        topic: String::new(),
        visibility: Visibility::Private,
        reading: Reading::Start,
    };
    assert_eq!(bob.refused(third).await, ErrorCode::OutOfBounds);
    assert_eq!(
        carol.refused(Request::OpenDirect { members: vec![bobs.member.id] }).await,
        ErrorCode::OutOfBounds
    );
}

/// Who runs the room, by the events heard of it until then.
async fn hears_of_admin(client: &mut crate::support::Client, room: protocol::RoomId) -> protocol::MemberId {
    loop {
        let event = client.hears_event().await;
        if let (true, protocol::Change::RoleSet { member, role: protocol::RoomRole::Admin }) =
            (event.room == room, event.change)
        {
            return member;
        }
    }
}

#[tokio::test]
async fn a_private_room_is_never_left_without_somebody_who_runs_it() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let (mut dave, daves) = world.invited(&mut alice, "dave").await;
    let guest =
        Request::CreateInvite { role: protocol::Role::Guest, uses: 1, life_ms: 60_000, rooms: Vec::new() };
    let Reply::InviteCreated { token, .. } = alice.ask(guest).await.unwrap() else { panic!("no invite") };
    let by = protocol::SignIn::Invite { token, name: "gina".into(), password: None };
    let mut gina = world.greet().await;
    let ginas = gina.sign_in(by).await.unwrap().member.id;
    let [bobs, carols, daves] = [bobs, carols, daves].map(|signed_in| signed_in.member.id);
    let room = bob.create_room("secret", Visibility::Private).await.id;
    // The guest has been in it longest of those who are left, and is passed over.
    for member in [ginas, carols, daves] {
        bob.ask(Request::AddToRoom { room, member }).await.unwrap();
    }
    let give_up = Request::SetRoomRole { room, member: bobs, role: protocol::RoomRole::Member };
    assert_eq!(bob.refused(give_up).await, ErrorCode::Forbidden);
    bob.ask(Request::LeaveRoom { room }).await.unwrap();
    assert_eq!(hears_of_admin(&mut carol, room).await, carols);
    carol.ask(Request::RenameRoom { room, name: "still secret".into() }).await.expect("she runs it");
    alice.ask(Request::SetStanding { member: carols, standing: protocol::Standing::Banned }).await.unwrap();
    assert_eq!(hears_of_admin(&mut dave, room).await, carols);
    assert_eq!(hears_of_admin(&mut dave, room).await, daves);
    alice.ask(Request::SetStanding { member: carols, standing: protocol::Standing::Active }).await.unwrap();
    dave.ask(Request::DeleteAccount { member: daves, password: None }).await.unwrap();
    // Carol, let in again, still is what she was.
    let left = gina.ask(Request::RoomMembers { room, after: None }).await.unwrap();
    let Reply::RoomMembers { members, .. } = left else { panic!("no members") };
    let roles = members.iter().map(|member| (member.member, member.role)).collect::<Vec<_>>();
    assert!(roles.contains(&(carols, protocol::RoomRole::Admin)), "{roles:?}");
    assert!(roles.contains(&(ginas, protocol::RoomRole::Member)), "{roles:?}");
    alice.ask(Request::DeleteAccount { member: carols, password: None }).await.unwrap();
    assert_eq!(
        gina.refused(Request::RenameRoom { room, name: "mine".into() }).await,
        ErrorCode::Forbidden,
        "guests never take over"
    );
}

#[tokio::test]
async fn the_one_who_runs_a_private_room_hands_it_on_by_becoming_a_guest() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let room = bob.create_room("secret", Visibility::Private).await.id;
    bob.ask(Request::AddToRoom { room, member: carols.member.id }).await.unwrap();
    let guest = Request::SetRole { member: bobs.member.id, role: protocol::Role::Guest };
    alice.ask(guest).await.unwrap();
    assert_eq!(hears_of_admin(&mut carol, room).await, carols.member.id);
}

#[tokio::test]
async fn ids_of_messages_are_used_up_for_good_whatever_becomes_of_their_room() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = alice.create_room("short-lived", Visibility::Public).await.id;
    let message = crate::support::message_id();
    alice.post_as(room, message, "gone soon").await.unwrap();
    alice.ask(Request::DeleteRoom { room }).await.unwrap();
    let world = world.restart().await;
    let mut alice = world.greet().await;
    alice.sign_in(protocol::SignIn::Session { token: me.token.unwrap() }).await.unwrap();
    let again = alice.post_as(me.rooms[0].id, message, "gone soon").await.unwrap_err();
    assert_eq!(again.code, ErrorCode::MessageIdReused);
    assert_eq!(alice.post_as(room, message, "gone soon").await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_private_room_of_guests_is_run_by_the_first_of_them_who_is_none_any_more() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let carols = carols.member.id;
    let room = bob.create_room("diary", Visibility::Private).await.id;
    bob.ask(Request::AddToRoom { room, member: carols }).await.unwrap();
    let set = |member, role| Request::SetRole { member, role };
    alice.ask(set(carols, Role::Guest)).await.unwrap();
    bob.ask(Request::LeaveRoom { room }).await.unwrap();
    assert_eq!(members(&mut carol, room).await, [(carols, RoomRole::Member)]);
    let rename = Request::RenameRoom { room, name: "mine".into() };
    assert_eq!(carol.refused(rename.clone()).await, ErrorCode::Forbidden);
    alice.ask(set(carols, Role::Member)).await.unwrap();
    assert_eq!(members(&mut carol, room).await, [(carols, RoomRole::Admin)]);
    carol.ask(rename).await.unwrap();
}

#[tokio::test]
async fn a_direct_room_says_so_when_nobody_else_is_left_in_it() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let pair = Request::OpenDirect { members: vec![bobs.member.id] };
    let room = room_of(&mut alice, pair.clone()).await.id;
    bob.post(room, "goodbye").await;
    bob.ask(Request::DeleteAccount { member: bobs.member.id, password: None }).await.unwrap();
    hears_in(&mut alice, room).await;
    let Reply::Rooms { rooms, .. } = alice.ask(Request::Rooms).await.unwrap() else { panic!("no rooms") };
    let left = rooms.into_iter().find(|mine| mine.id == room).unwrap();
    assert_eq!((left.name.as_str(), left.with.len(), left.members), ("former member", 0, 1));
    assert!(history(&mut alice, room).await.iter().any(|event| event.by == bobs.member.id));
}

#[tokio::test]
async fn nobody_opens_a_direct_room_with_whom_a_block_divides_them_from() {
    let world = World::start().await;
    let (mut alice, alices) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let [alices, bobs, carols] = [alices, bobs, carols].map(|me| me.member.id);
    alice.ask(Request::SetBlock { member: bobs, blocked: true }).await.unwrap();
    let with = |members: &[MemberId]| Request::OpenDirect { members: members.to_vec() };
    assert_eq!(bob.refused(with(&[alices])).await, ErrorCode::Forbidden);
    assert_eq!(bob.refused(with(&[alices, carols])).await, ErrorCode::Forbidden, "nor by bringing another");
    assert_eq!(alice.refused(with(&[carols, bobs])).await, ErrorCode::Forbidden);
    room_of(&mut carol, with(&[alices, bobs])).await;
}

#[tokio::test]
async fn a_rooms_admin_runs_nothing_while_a_guest_and_runs_it_again_afterwards() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = bob.create_room("kitchen", Visibility::Public).await.id;
    let role = |role| Request::SetRole { member: bobs.member.id, role };
    alice.ask(role(protocol::Role::Guest)).await.unwrap();
    for request in [
        Request::RenameRoom { room, name: "cellar".into() },
        Request::ArchiveRoom { room },
        Request::Hooks { room },
        Request::DeleteRoom { room },
    ] {
        assert_eq!(bob.refused(request).await, ErrorCode::Forbidden);
    }
    alice.ask(role(protocol::Role::Member)).await.unwrap();
    bob.ask(Request::RenameRoom { room, name: "cellar".into() }).await.unwrap();
}
