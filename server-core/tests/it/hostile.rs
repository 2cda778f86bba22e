//! Frames no client should send, peers that stop reading, strangers that stay.

use std::time::Duration;

use futures_util::SinkExt;
use protocol::{Change, ErrorCode, Reply, Request, SignIn, limits};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{World, message_id, soon};

#[tokio::test]
async fn a_malformed_frame_is_refused_and_the_connection_lives() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"type":"ping"}"#,
        r#"{"req":1,"type":"no_such_thing"}"#,
        &"[".repeat(5000),
    ] {
        alice.say(text.to_owned()).await;
        let failure =
            alice.hears(|reply| if let Reply::Error(failure) = reply { Some(failure) } else { None }).await;
        assert_eq!(failure.code, ErrorCode::BadFrame);
    }
    soon(alice.socket.send(Message::binary(vec![0u8; 10]))).await.unwrap();
    alice.hears(|reply| matches!(reply, Reply::Error(_)).then_some(())).await;
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
}

#[tokio::test]
async fn an_oversized_frame_is_named_and_ends_the_connection() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    bob.say("x".repeat(limits::CLIENT_FRAME_BYTES + 1)).await;
    let failure =
        bob.hears(|reply| if let Reply::Error(failure) = reply { Some(failure) } else { None }).await;
    assert_eq!(failure.code, ErrorCode::BadFrame);
    assert!(failure.message.contains(&limits::CLIENT_FRAME_BYTES.to_string()));
    assert_eq!(bob.closed().await, 4201);
    alice.post(me.rooms[0].id, "the others go on").await;
}

#[tokio::test]
async fn a_text_over_its_limit_is_refused_by_name() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let text = "x".repeat(limits::TEXT_BYTES + 1);
    let failure = alice.post_as(me.rooms[0].id, message_id(), &text).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::OutOfBounds);
    assert!(failure.message.starts_with("text "), "{}", failure.message);
    assert_eq!(
        alice.post_as(me.rooms[0].id, message_id(), " \n").await.unwrap_err().code,
        ErrorCode::OutOfBounds
    );
}

#[tokio::test]
async fn nothing_is_answered_before_sign_in_but_hello_and_ping() {
    let world = World::start().await;
    let (_alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let mut stranger = world.dial().await;
    let by = SignIn::Session { token: me.token.clone().unwrap() };
    assert_eq!(stranger.sign_in(by.clone()).await.unwrap_err().code, ErrorCode::NotSignedIn);
    stranger.hello().await;
    let hello = Request::Hello {
        nonce: crate::support::NONCE.into(),
        client: protocol::ClientName { name: "x".into(), version: "0".into() },
    };
    assert_eq!(stranger.refused(hello.clone()).await, ErrorCode::OutOfOrder);
    for request in [
        Request::Rooms,
        Request::Members { after: None },
        Request::Sync { cursors: Vec::new() },
        Request::History { room, before: None, after: None, limit: 1 },
        Request::post(room, message_id(), "x".into()),
    ] {
        assert_eq!(stranger.refused(request).await, ErrorCode::NotSignedIn);
    }
    assert_eq!(stranger.ask(Request::Ping).await.unwrap(), Reply::Pong);
    stranger.sign_in(by.clone()).await.unwrap();
    assert_eq!(stranger.sign_in(by).await.unwrap_err().code, ErrorCode::OutOfOrder);
    assert_eq!(stranger.refused(hello).await, ErrorCode::OutOfOrder);
}

#[tokio::test]
async fn a_stranger_that_only_babbles_is_told_to_stay_away() {
    let world = World::start().await;
    let mut stranger = world.dial().await;
    for _ in 0..4 {
        stranger.say("babble".into()).await;
    }
    assert_eq!(stranger.closed().await, 4201);
}

#[tokio::test]
async fn a_stranger_that_never_signs_in_is_closed() {
    let world = World::start_with(|config| config.timeouts.sign_in = Duration::from_millis(300)).await;
    let mut silent = world.dial().await;
    assert_eq!(silent.closed().await, 4002);
    let nothing = tokio::net::TcpStream::connect(world.address()).await.unwrap();
    soon(async {
        let mut byte = [0];
        while !matches!(nothing.try_read(&mut byte), Ok(0)) {
            nothing.readable().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_told_to_resync_and_the_room_goes_on() {
    let world = World::start_with(|config| {
        config.limits.queue_bytes = 128 * 1024;
        config.timeouts.farewell = Duration::from_secs(60);
    })
    .await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let mut online = world.server.watch_online();
    soon(online.wait_for(|online| *online == 2)).await.unwrap();
    let text = "x".repeat(limits::TEXT_BYTES);
    // Bob reads nothing: his socket's buffers fill, then his queue.
    let mut posted = 0;
    while *online.borrow_and_update() == 2 {
        alice.post(room, &text).await;
        posted += 1;
        assert!(posted < 4000, "the queue never filled");
    }
    alice.post(room, "still here").await;
    assert_eq!(bob.closed().await, 4100);
}

#[tokio::test]
async fn errors_and_debug_forms_hold_nothing_private() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let secret = "a very private sentence";
    alice.say(format!(r#"{{"req":9,"type":"post","room":"nope","message":"nope","text":"{secret}"}}"#)).await;
    let frame =
        alice.hears(|reply| if let Reply::Error(failure) = reply { Some(failure) } else { None }).await;
    assert!(!frame.message.contains(secret));
    let change = Change::posted(message_id(), secret.into());
    assert!(!format!("{change:?}").contains(secret));
    assert!(!format!("{:?}", world.server).contains(&me.token.unwrap().0));
}
