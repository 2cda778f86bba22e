//! What a host takes from whom: budgets of connections, and pages of other sites.

use protocol::{ErrorCode, Reply, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{World, soon};

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
    let foreign = "https://evil.example";
    assert!(asks(&world, "OPTIONS /version", foreign).await.starts_with("http/1.1 403 "));
    assert!(!asks(&world, "GET /version", foreign).await.contains("access-control-allow"));
    let mut page = world.dial_with(&[("origin", named)]).await;
    assert_eq!(page.ask(Request::Ping).await.unwrap(), Reply::Pong);
}
