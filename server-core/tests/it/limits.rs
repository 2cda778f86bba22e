//! What a host takes from whom: budgets of connections, and pages of other sites.

use std::time::Duration;

use protocol::{ErrorCode, Reply, Request, SignIn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, World, message_id, soon};

/// What a proxy on this computer says of somebody elsewhere.
const ELSEWHERE: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

#[tokio::test]
async fn whoever_asks_too_much_is_told_when_to_go_on() {
    let world = World::start_with(|config| config.limits.frames_per_second = 1).await;
    let mut client = world.dial_with(&[ELSEWHERE]).await;
    let mut answered = 0;
    let failure = loop {
        match client.ask(Request::Ping).await {
            Ok(answer) => assert_eq!(answer, Reply::Pong),
            Err(failure) => break failure,
        }
        answered += 1;
        assert!(answered < 10_000, "no limit holds");
    };
    assert!(answered >= 10, "ten seconds' worth may come at once");
    assert_eq!(failure.code, ErrorCode::RateLimited);
    assert!(failure.retry_after_ms.is_some_and(|wait| (1..=10_000).contains(&wait)));
    let mut other = world.dial_with(&[ELSEWHERE]).await;
    assert_eq!(other.ask(Request::Ping).await.unwrap(), Reply::Pong, "others have their own");
}

#[tokio::test]
async fn whoever_never_waits_is_sent_away() {
    let world = World::start_with(|config| config.limits.frames_per_second = 1).await;
    let mut client = world.dial_with(&[ELSEWHERE]).await;
    for _ in 0..400 {
        client.send(Request::Ping).await;
    }
    assert_eq!(client.closed().await, 4201);
}

#[tokio::test]
async fn programs_on_this_computer_have_it_to_themselves() {
    let world = World::start_with(|config| config.limits.frames_per_second = 1).await;
    let mut client = world.dial().await;
    for _ in 0..100 {
        assert_eq!(client.ask(Request::Ping).await.unwrap(), Reply::Pong);
    }
}

/// A host that spares nobody, so that this computer stands for any.
async fn strict(change: impl FnOnce(&mut server_core::Limits)) -> World {
    World::start_with(|config| {
        config.limits.spare_this_computer = false;
        change(&mut config.limits);
    })
    .await
}

/// Asks until it is refused; says how often it was answered, and how long to wait.
async fn until_refused(client: &mut Client, mut ask: impl FnMut() -> Request) -> (usize, Duration) {
    for count in 0..10_000 {
        if let Err(failure) = client.ask(ask()).await {
            assert_eq!(failure.code, ErrorCode::RateLimited);
            let wait = failure.retry_after_ms.expect("it says when to come back");
            return (count, Duration::from_millis(wait.into()));
        }
    }
    panic!("no limit holds");
}

#[tokio::test]
async fn a_member_has_one_budget_on_all_devices_and_the_time_to_wait_is_true() {
    let world = strict(|limits| limits.member_frames_per_second = 4).await;
    let (mut laptop, me) = world.alice().await;
    let mut phone = world.greet().await;
    phone.sign_in(SignIn::Session { token: me.token.unwrap() }).await.unwrap();
    let (count, _) = until_refused(&mut laptop, || Request::Ping).await;
    assert!(count >= 30, "ten seconds' worth may come at once");
    let (count, wait) = until_refused(&mut phone, || Request::Ping).await;
    assert!(count < 30, "the other device has used it up");
    tokio::time::sleep(wait).await;
    assert_eq!(phone.ask(Request::Ping).await.unwrap(), Reply::Pong);
}

#[tokio::test]
async fn an_address_has_one_budget_over_its_strangers_that_members_do_not_pay() {
    let world = strict(|limits| limits.stranger_frames_per_second = 1).await;
    let (mut alice, _) = world.alice().await;
    let mut one = world.dial().await;
    until_refused(&mut one, || Request::Ping).await;
    let mut other = world.dial().await;
    assert!(until_refused(&mut other, || Request::Ping).await.0 < 5);
    for _ in 0..30 {
        assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
    }
}

#[tokio::test]
async fn dear_requests_are_counted_by_themselves() {
    let world = strict(|limits| {
        limits.rooms_per_hour = 2;
        limits.searches_per_minute = 3;
        limits.pages_per_minute = 4;
        limits.reactions_per_minute = 5;
        limits.invites_per_hour = 6;
    })
    .await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let message = message_id();
    alice.post_as(room, message, "hello").await.unwrap();
    let make = || Request::CreateRoom {
        name: uuid::Uuid::now_v7().to_string(),
        topic: String::new(),
        visibility: protocol::Visibility::Private,
        reading: protocol::Reading::Start,
    };
    let (count, wait) = until_refused(&mut alice, make).await;
    assert_eq!(count, 2);
    assert!(wait > Duration::from_secs(1000) && wait <= Duration::from_secs(1800), "{wait:?}");
    let search = serde_json::json!({ "type": "search", "req": 1, "text": "hello", "limit": 1 });
    let search = serde_json::from_value::<protocol::ClientFrame>(search).unwrap().request;
    assert_eq!(until_refused(&mut alice, || search.clone()).await.0, 3);
    let page = || Request::History { room, before: None, after: None, limit: 1 };
    assert_eq!(until_refused(&mut alice, page).await.0, 4);
    let react = || Request::React { room, message, emoji: "+1".into() };
    assert_eq!(until_refused(&mut alice, react).await.0, 5);
    let invite =
        || Request::CreateInvite { role: protocol::Role::Member, uses: 1, life_ms: 1000, rooms: Vec::new() };
    assert_eq!(until_refused(&mut alice, invite).await.0, 6);
    alice.post(room, "the rest goes on").await;
}

#[tokio::test]
async fn only_so_many_accounts_are_made_from_one_address() {
    let world = strict(|limits| limits.joins_per_hour = 2).await;
    let (mut alice, _) = world.alice().await;
    world.invited(&mut alice, "bob").await;
    let (_, token) = alice.invite(1, 60_000).await;
    let mut client = world.greet().await;
    let by = SignIn::Invite { token, name: "carol".into(), password: None };
    let failure = client.sign_in(by).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::RateLimited);
    assert!(failure.retry_after_ms.is_some_and(|wait| wait > 60_000));
}

#[tokio::test]
async fn an_abusive_member_is_not_let_in_again_at_once_and_others_are() {
    let world = strict(|limits| {
        limits.frames_per_second = 1;
        limits.exile_seconds = 2;
    })
    .await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    for _ in 0..400 {
        alice.send(Request::Ping).await;
    }
    assert_eq!(alice.closed().await, 4201);
    let mut again = world.greet().await;
    let by = SignIn::Session { token: me.token.unwrap() };
    let failure = again.sign_in(by.clone()).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::RateLimited);
    assert_eq!(bob.ask(Request::Ping).await.unwrap(), Reply::Pong);
    tokio::time::sleep(Duration::from_millis(failure.retry_after_ms.unwrap().into())).await;
    again.sign_in(by).await.unwrap();
}

#[tokio::test]
async fn an_abusive_address_hears_429_until_its_time_is_over() {
    let world = strict(|limits| limits.exile_seconds = 2).await;
    let mut stranger = world.dial().await;
    for _ in 0..4 {
        stranger.say("babble".into()).await;
    }
    assert_eq!(stranger.closed().await, 4201);
    let answer = asks(&world, "GET /version", "http://x").await;
    assert!(answer.starts_with("http/1.1 429 "), "{answer}");
    let wait = answer.split("retry-after: ").nth(1).unwrap().split('\r').next().unwrap();
    let wait = wait.parse::<u64>().unwrap();
    assert!((1..=2).contains(&wait));
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert!(asks(&world, "GET /version", "http://x").await.starts_with("http/1.1 200 "));
    world.dial().await;
}

#[tokio::test]
async fn requests_over_http_cost_their_address_and_are_told_when_to_come_back() {
    let world = strict(|limits| limits.address_frames_per_second = 1).await;
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(asks(&world, "GET /livez", "http://x").await);
    }
    assert!(answers[0].starts_with("http/1.1 200 "));
    let refused = answers.iter().find(|answer| answer.starts_with("http/1.1 429 ")).expect("no limit holds");
    assert!(refused.contains("retry-after: 1\r\n") && refused.contains("\"rate_limited\""), "{refused}");
}

#[tokio::test]
async fn sockets_are_counted_by_address_behind_a_trusted_proxy_too() {
    let world = World::start_with(|config| {
        config.limits.connections_per_address = 2;
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let from = |address: &'static str| [("x-forwarded-for", address)];
    let one = world.dial_with(&from("2001:db8:1:2::1")).await;
    let _two = world.dial_with(&from("2001:db8:1:2::2")).await;
    let status = world.refused_with(&from("2001:db8:1:2::3")).await;
    assert_eq!(status, 429);
    world.dial_with(&from("2001:db8:1:3::1")).await;
    drop(one);
    soon(async {
        while world.try_dial_with(&from("2001:db8:1:2::3")).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn sockets_of_one_address_are_closed_beyond_their_number() {
    let world = strict(|limits| limits.connections_per_address = 2).await;
    let _held = (world.dial().await, world.dial().await);
    let mut third = TcpStream::connect(world.address()).await.unwrap();
    let mut nothing = [0];
    assert!(matches!(soon(third.read(&mut nothing)).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_member_has_only_so_many_connections() {
    let world = strict(|limits| limits.connections_per_member = 2).await;
    let (_alice, me) = world.alice().await;
    let by = SignIn::Session { token: me.token.unwrap() };
    let mut second = world.greet().await;
    second.sign_in(by.clone()).await.unwrap();
    let mut third = world.greet().await;
    assert_eq!(third.sign_in(by).await.unwrap_err().code, ErrorCode::RateLimited);
}

#[tokio::test]
async fn a_host_may_take_less_than_the_protocol_and_a_reload_says_how_much() {
    let mut world = World::start_with(|config| {
        config.limits.text_bytes = 10;
        config.limits.name_chars = 5;
        config.limits.topic_chars = 5;
        config.limits.page_events = 2;
    })
    .await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let failure = alice.post_as(room, message_id(), "eleven byte").await.unwrap_err();
    assert_eq!((failure.code, failure.message.starts_with("text ")), (ErrorCode::OutOfBounds, true));
    alice.post(room, "ten bytes!").await;
    let long = Request::SetTopic { room, topic: "longer".into() };
    assert_eq!(alice.refused(long).await, ErrorCode::OutOfBounds);
    let long = Request::RenameRoom { room, name: "longer".into() };
    assert_eq!(alice.refused(long.clone()).await, ErrorCode::OutOfBounds);
    let page = Request::History { room, before: None, after: None, limit: 200 };
    let Reply::History(short) = alice.ask(page.clone()).await.unwrap() else { panic!("no page") };
    assert_eq!(short.events.len(), 2);
    let config = server_core::Config::new(world.dir.path().join("host"), world.address());
    world.server.reload(config).await.unwrap();
    alice.ask(long).await.unwrap();
    let Reply::History(longer) = alice.ask(page).await.unwrap() else { panic!("no page") };
    assert!(longer.events.len() > 2);
}

async fn asks(world: &World, head: &str, origin: &str) -> String {
    let mut socket = TcpStream::connect(world.address()).await.unwrap();
    let address = world.address();
    let request = format!("{head} HTTP/1.1\r\nhost: {address}\r\norigin: {origin}\r\nconnection: close\r\n");
    let request = format!("{request}access-control-request-method: POST\r\n\r\n");
    soon(socket.write_all(request.as_bytes())).await.unwrap();
    let mut answer = String::new();
    soon(socket.read_to_string(&mut answer)).await.unwrap();
    answer.to_ascii_lowercase()
}

#[tokio::test]
async fn pages_of_named_sites_may_speak_to_the_host_and_others_not() {
    let named = "https://app.example.org";
    let world = World::start_with(|config| config.allowed_origins = vec![named.into()]).await;
    let allows = format!("access-control-allow-origin: {named}\r\n");
    let asked = asks(&world, "OPTIONS /version", named).await;
    assert!(asked.starts_with("http/1.1 204 ") && asked.contains(&allows), "{asked}");
    assert!(asked.contains("access-control-allow-methods: ") && asked.contains("vary: origin"), "{asked}");
    let got = asks(&world, "GET /version", named).await;
    assert!(got.starts_with("http/1.1 200 ") && got.contains(&allows), "{got}");
    let methods = asked.split("access-control-allow-methods: ").nth(1).unwrap().split('\r').next().unwrap();
    for method in ["get", "post", "put"] {
        assert!(methods.split(", ").any(|allowed| allowed == method), "{methods}");
    }
    let foreign = "https://evil.example";
    let refused = asks(&world, "OPTIONS /version", foreign).await;
    assert!(refused.starts_with("http/1.1 403 ") && refused.contains("vary: origin"), "{refused}");
    assert!(!asks(&world, "GET /version", foreign).await.contains("access-control-allow"));
    let mut page = world.dial_with(&[("origin", named)]).await;
    assert_eq!(page.ask(Request::Ping).await.unwrap(), Reply::Pong);
}

#[tokio::test]
async fn a_page_of_a_named_site_can_read_why_it_has_to_wait() {
    let named = "https://app.example.org";
    let world = World::start_with(|config| {
        config.allowed_origins = vec![named.into()];
        config.limits.spare_this_computer = false;
        config.limits.address_frames_per_second = 1;
    })
    .await;
    let mut answer = String::new();
    for _ in 0..12 {
        answer = asks(&world, "GET /version", named).await;
    }
    assert!(answer.starts_with("http/1.1 429 "), "{answer}");
    assert!(answer.contains(&format!("access-control-allow-origin: {named}\r\n")), "{answer}");
    assert!(answer.contains("access-control-expose-headers: retry-after"), "{answer}");
}

#[tokio::test]
async fn strangers_of_one_address_are_closed_beyond_their_number_and_members_are_none() {
    let world = strict(|limits| limits.strangers_per_address = 2).await;
    let (mut alice, _) = world.alice().await;
    // Her place is free by the time her next word is answered.
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
    let held = (world.dial().await, world.dial().await);
    let mut third = TcpStream::connect(world.address()).await.unwrap();
    assert!(matches!(soon(third.read(&mut [0])).await, Ok(0) | Err(_)));
    drop(held);
    soon(async {
        while world.try_dial_with(&[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn passwords_are_changed_only_so_often() {
    let world = strict(|limits| limits.passwords_per_minute = 2).await;
    let (mut alice, _) = world.alice().await;
    let change = || Request::SetPassword {
        current: Some("alice's password".into()),
        new: "alice's password".into(),
        end_others: false,
    };
    let (count, wait) = until_refused(&mut alice, change).await;
    assert_eq!(count, 2);
    assert!(wait <= Duration::from_secs(30), "{wait:?}");
}

#[tokio::test]
async fn bytes_are_counted_besides_requests() {
    let world = strict(|limits| limits.member_bytes_per_second = 1_000).await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let post = || Request::post(room, message_id(), "x".repeat(4_000).as_str().into());
    let (count, wait) = until_refused(&mut alice, post).await;
    assert!((2..5).contains(&count), "{count}");
    assert!(wait <= Duration::from_secs(10), "{wait:?}");
}
