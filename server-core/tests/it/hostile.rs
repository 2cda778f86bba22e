//! Frames no client should send, peers that stop reading, strangers that stay.

use std::time::Duration;

use futures_util::SinkExt;
use protocol::{Change, ErrorCode, Reply, Request, SignIn, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

use crate::support::{Client, World, message_id, soon};

/// What a proxy on this computer says of somebody elsewhere.
const ELSEWHERE: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

/// A frame as a client would send it, and as it must not.
fn frame(opcode: OpCode, is_final: bool, payload: &[u8]) -> Frame {
    let header = FrameHeader { is_final, opcode, mask: Some([1, 2, 3, 4]), ..FrameHeader::default() };
    Frame::from_payload(header, payload.to_vec().into())
}

fn bytes_of(frame: Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.format(&mut bytes).unwrap();
    bytes
}

/// Sends until the host has had enough, and says how it ended.
async fn flood(client: &mut Client, mut next: impl FnMut() -> Message) -> u16 {
    for _ in 0..5000 {
        if soon(client.socket.send(next())).await.is_err() {
            break;
        }
    }
    client.closed().await
}

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
async fn a_stranger_may_send_less_at_once_than_a_member() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let mut stranger = world.greet().await;
    stranger.say("x".repeat(limits::STRANGER_FRAME_BYTES + 1)).await;
    let failure =
        stranger.hears(|reply| if let Reply::Error(failure) = reply { Some(failure) } else { None }).await;
    assert!(failure.message.contains(&limits::STRANGER_FRAME_BYTES.to_string()), "{}", failure.message);
    assert_eq!(stranger.closed().await, 4201);
    let text = "x".repeat(limits::TEXT_BYTES);
    assert!(text.len() >= limits::STRANGER_FRAME_BYTES);
    alice.post(me.rooms[0].id, &text).await;
}

#[tokio::test]
async fn a_flood_of_pings_is_sent_away_and_others_are_unharmed() {
    let world = World::start_with(|config| config.limits.frames_per_second = 20).await;
    let (mut alice, me) = world.alice().await;
    let mut stranger = world.dial_with(&[ELSEWHERE]).await;
    assert_eq!(flood(&mut stranger, || Message::Ping(vec![0; 125].into())).await, 4201);
    alice.post(me.rooms[0].id, "the others go on").await;
}

#[tokio::test]
async fn a_message_of_endless_parts_is_sent_away() {
    let world = World::start_with(|config| config.limits.frames_per_second = 20).await;
    let mut stranger = world.dial_with(&[ELSEWHERE]).await;
    let mut data = Data::Text;
    let part = || {
        let opcode = OpCode::Data(std::mem::replace(&mut data, Data::Continue));
        Message::Frame(frame(opcode, false, b""))
    };
    assert_eq!(flood(&mut stranger, part).await, 4201);
}

#[tokio::test]
async fn a_request_may_come_in_parts_byte_by_byte_with_pings_between() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let request = br#"{"req":77,"type":"ping"}"#;
    let mut bytes = Vec::new();
    for (number, part) in request.chunks(7).enumerate() {
        let data = if number == 0 { Data::Text } else { Data::Continue };
        bytes.extend(bytes_of(frame(OpCode::Data(data), (number + 1) * 7 >= request.len(), part)));
        bytes.extend(bytes_of(frame(OpCode::Control(Control::Ping), true, b"still there?")));
    }
    // The last ping is over once the answer is there.
    for byte in bytes {
        soon(alice.socket.get_mut().write_all(&[byte])).await.unwrap();
        tokio::task::yield_now().await;
    }
    while alice.frame().await.unwrap().req != Some(77) {}
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
}

#[tokio::test]
async fn what_is_no_websocket_ends_its_connection_with_a_reason() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let reserved = FrameHeader { rsv1: true, mask: Some([0; 4]), ..FrameHeader::default() };
    let wrong = [
        // Not masked (RFC 6455, 5.1).
        b"\x81\x02hi".to_vec(),
        bytes_of(Frame::from_payload(reserved, b"hi".to_vec().into())),
        bytes_of(frame(OpCode::Data(Data::Text), true, b"\xff\xfe")),
        bytes_of(frame(OpCode::Data(Data::Continue), true, b"of nothing")),
        bytes_of(frame(OpCode::Control(Control::Ping), true, &[0; 126])),
        bytes_of(frame(OpCode::Control(Control::Ping), false, b"in parts")),
        bytes_of(frame(OpCode::Data(Data::Reserved(3)), true, b"?")),
        // Says that 2^63 bytes follow.
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04".to_vec(),
    ];
    for bytes in wrong {
        let mut stranger = world.greet().await;
        soon(stranger.socket.get_mut().write_all(&bytes)).await.unwrap();
        let failure = stranger
            .hears(|reply| if let Reply::Error(failure) = reply { Some(failure) } else { None })
            .await;
        assert_eq!(failure.code, ErrorCode::BadFrame, "{bytes:?}");
        assert_eq!(stranger.closed().await, 4201, "{bytes:?}");
    }
    alice.post(me.rooms[0].id, "the others go on").await;
}

/// Reads until the host has closed.
async fn ends(mut socket: TcpStream) {
    let mut sink = Vec::new();
    // A reset is an end, too.
    let _ = soon(socket.read_to_end(&mut sink)).await;
}

#[tokio::test]
async fn random_bytes_and_slow_handshakes_are_closed_in_time() {
    let world = World::start_with(|config| config.timeouts.sign_in = Duration::from_secs(5)).await;
    let mut random = vec![0; 4096];
    getrandom::fill(&mut random).unwrap();
    let mut hello = vec![0x16, 0x03, 0x01, 0x02, 0x00];
    hello.extend(&random[..100]);
    let mut begun = Vec::new();
    let partial = b"GET /livez HTTP/1.1\r\nhost: x\r\n".as_slice();
    for bytes in [b"GET /ws HT".as_slice(), partial, &hello[..1], &hello, &random] {
        let mut socket = TcpStream::connect(world.address()).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        begun.push(socket);
    }
    for socket in begun {
        ends(socket).await;
    }
    let (mut alice, me) = world.alice().await;
    alice.post(me.rooms[0].id, "the others go on").await;
}

#[tokio::test]
async fn a_flood_of_strangers_is_closed_at_once_and_members_stay() {
    let world = World::start_with(|config| config.limits.strangers = 3).await;
    let (mut alice, me) = world.alice().await;
    // Once she hears this, she has given her place among the strangers back.
    alice.ask(Request::Ping).await.unwrap();
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(world.dial().await);
    }
    for _ in 0..20 {
        ends(TcpStream::connect(world.address()).await.unwrap()).await;
    }
    alice.post(me.rooms[0].id, "the others go on").await;
    // Whoever signs in is none any more: there is a place again.
    let by = SignIn::Session { token: me.token.unwrap() };
    kept[0].hello().await;
    kept[0].sign_in(by).await.unwrap();
    let lives = async || {
        let mut socket = TcpStream::connect(world.address()).await.unwrap();
        let _ =
            socket.write_all(b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").await;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.is_ok() && !answer.is_empty()
    };
    soon(async { while !lives().await {} }).await;
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
