//! Who got a message: told by devices, asked by authors. And where a message is that a link names.

use protocol::{Cursor, ErrorCode, MessageId, Post, Reply, Request, RoomId, Seq, SignIn, Visibility};

use crate::support::{Client, World, message_id};

async fn posted(client: &mut Client, room: RoomId) -> (MessageId, Seq) {
    let message = message_id();
    match client.post_as(room, message, "did you get it?").await.unwrap() {
        Reply::Posted { seq, .. } => (message, seq),
        other => panic!("not posted: {other:?}"),
    }
}

async fn received(client: &mut Client, room: RoomId, after: Seq) {
    let cursors = vec![Cursor { room, after }];
    assert_eq!(client.ask(Request::Received { cursors }).await.unwrap(), Reply::Done);
}

/// Devices, those that got it, members, those it reached.
async fn reach(client: &mut Client, room: RoomId, message: MessageId) -> [u32; 4] {
    match client.ask(Request::Delivered { room, message }).await.unwrap() {
        Reply::Delivered { devices, delivered, members, reached, .. } => {
            [devices, delivered, members, reached]
        }
        other => panic!("no answer: {other:?}"),
    }
}

#[tokio::test]
async fn an_author_sees_how_many_devices_got_it_also_after_a_restart() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let room = me.rooms[0].id;
    carol
        .ask(Request::SetPassword { current: None, new: "carol's password".into(), end_others: false })
        .await
        .unwrap();
    let mut phone = world.greet().await;
    phone
        .sign_in(SignIn::Password { name: "carol".into(), password: "carol's password".into() })
        .await
        .unwrap();
    let (message, seq) = posted(&mut alice, room).await;
    assert_eq!(reach(&mut alice, room, message).await, [3, 0, 2, 0]);
    received(&mut alice, room, seq).await;
    assert_eq!(reach(&mut alice, room, message).await, [3, 0, 2, 0], "one's own do not count");
    received(&mut carol, room, seq).await;
    received(&mut bob, room, Seq(seq.0 - 1)).await;
    assert_eq!(reach(&mut alice, room, message).await, [3, 1, 2, 1]);
    received(&mut phone, room, seq).await;
    received(&mut phone, room, Seq(1)).await;
    assert_eq!(reach(&mut alice, room, message).await, [3, 2, 2, 1], "it does not go back");
    bob.ask(Request::SetReceipts { shown: false }).await.unwrap();
    received(&mut bob, room, Seq(u64::from(u32::MAX))).await;
    assert_eq!(reach(&mut alice, room, message).await, [3, 3, 2, 2]);

    let (next, _) = posted(&mut alice, room).await;
    assert_eq!(reach(&mut alice, room, next).await[1], 0, "nobody has what was not there when they spoke");
    // A later member was not there for it.
    world.invited(&mut alice, "dora").await;
    assert_eq!(reach(&mut alice, room, message).await[2], 2);
    let world = world.restart().await;
    let mut alice = world.greet().await;
    alice.sign_in(SignIn::Session { token: me.token.unwrap() }).await.unwrap();
    assert_eq!(reach(&mut alice, room, message).await, [3, 3, 2, 2]);
    let (next, _) = posted(&mut alice, room).await;
    assert_eq!(reach(&mut alice, room, next).await[1], 0, "nobody has what was not there when they spoke");
    let mut carol = world.greet().await;
    carol.sign_in(SignIn::Session { token: carols.token.unwrap() }).await.unwrap();
    carol.ask(Request::RevokeOthers).await.unwrap();
    assert_eq!(reach(&mut alice, room, message).await, [2, 2, 2, 2], "an ended session is no device");
}

#[tokio::test]
async fn who_got_it_is_for_its_author_and_hidden_elsewhere() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let (message, _) = posted(&mut alice, room).await;
    assert_eq!(bob.refused(Request::Delivered { room, message }).await, ErrorCode::Forbidden);
    let hidden = alice.create_room("hidden", Visibility::Private).await.id;
    let (secret, seq) = posted(&mut alice, hidden).await;
    for (room, message) in [(hidden, secret), (room, secret), (room, message_id())] {
        assert_eq!(bob.refused(Request::Delivered { room, message }).await, ErrorCode::NotFound);
    }
    // What is not bob's room is not written, and says nothing.
    received(&mut bob, hidden, seq).await;
    assert_eq!(reach(&mut alice, hidden, secret).await, [0, 0, 0, 0]);
    let cursors = (0..501).map(|_| Cursor { room: RoomId(message_id().0), after: Seq(1) }).collect();
    assert_eq!(bob.refused(Request::Received { cursors }).await, ErrorCode::OutOfBounds);
}

#[tokio::test]
async fn a_link_leads_those_who_may_read_and_tells_others_nothing() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let (message, seq) = posted(&mut alice, room).await;
    let found = bob.ask(Request::Resolve { message }).await.unwrap();
    assert_eq!(found, Reply::Place { message, room, seq, thread: None });
    let reply = message_id();
    let post = Post { thread: Some(message), ..Post::new(room, reply, "in a thread".into()) };
    alice.ask(Request::Post(post)).await.unwrap();
    let Reply::Place { thread, .. } = bob.ask(Request::Resolve { message: reply }).await.unwrap() else {
        panic!("no place")
    };
    assert_eq!(thread, Some(message));

    let hidden = alice.create_room("hidden", Visibility::Private).await.id;
    let open = alice.create_room("open", Visibility::Public).await.id;
    let (secret, _) = posted(&mut alice, hidden).await;
    let (outside, _) = posted(&mut alice, open).await;
    let nothing = bob.ask(Request::Resolve { message: message_id() }).await;
    assert_eq!(nothing.as_ref().unwrap_err().code, ErrorCode::NotFound);
    for message in [secret, outside] {
        assert_eq!(bob.ask(Request::Resolve { message }).await, nothing);
    }
    // Who forwards what they may not read is told the same; what was forwarded leads nowhere for others.
    let post = Post { forward_of: Some(secret), ..Post::new(room, message_id(), "look".into()) };
    assert_eq!(bob.refused(Request::Post(post.clone())).await, ErrorCode::NotFound);
    alice.ask(Request::Post(Post { message: message_id(), ..post })).await.unwrap();
    assert_eq!(bob.ask(Request::Resolve { message: secret }).await, nothing);
    let revisions = Request::Revisions { room: hidden, message: secret, after: None };
    assert_eq!(bob.refused(revisions).await, ErrorCode::NotFound);

    alice.ask(Request::AddToRoom { room: hidden, member: bobs.member.id }).await.unwrap();
    assert!(bob.ask(Request::Resolve { message: secret }).await.is_ok());
    alice.ask(Request::RemoveFromRoom { room: hidden, member: bobs.member.id }).await.unwrap();
    assert_eq!(bob.ask(Request::Resolve { message: secret }).await, nothing);
}
