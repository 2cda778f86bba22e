//! Outgoing webhooks: signed, over real TLS, tried again, kept off what only this machine can reach.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::{Request, RoomId};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use server_core::Config;
use server_core::admin::{Answer, Command, Report};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

use crate::support::{PATIENCE, World, message_id, soon};

/// Lets reports go to this machine, as an operator may.
fn nearby(config: &mut Config) {
    config.private_networks = vec!["127.0.0.0/8".parse().unwrap()];
}

struct Taken {
    signature: String,
    body: Vec<u8>,
}

impl Taken {
    fn texts(&self) -> Vec<String> {
        let report: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let events = report["events"].as_array().unwrap().clone();
        events.iter().filter_map(|event| Some(event["change"]["text"].as_str()?.to_owned())).collect()
    }
}

/// Takes one report and answers it with `status` (and what else stands in the head).
async fn take(listener: &TcpListener, status: &str) -> Taken {
    let (socket, _) = soon(listener.accept()).await.unwrap();
    hear(socket, status).await
}

async fn hear(mut socket: impl AsyncRead + AsyncWrite + Unpin, status: &str) -> Taken {
    let mut heard = Vec::new();
    let (head, length) = loop {
        assert!(soon(socket.read_buf(&mut heard)).await.unwrap() > 0);
        let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(heard[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        break (head.clone(), (end + 4, length.parse::<usize>().unwrap()));
    };
    while heard.len() < length.0 + length.1 {
        assert!(soon(socket.read_buf(&mut heard)).await.unwrap() > 0);
    }
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
    socket.write_all(answer.as_bytes()).await.unwrap();
    let signature = head.lines().find_map(|line| line.strip_prefix("x-hearth-signature: ")).unwrap();
    Taken { signature: signature.to_owned(), body: heard[length.0..].to_vec() }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn make(world: &World, url: String) -> (Uuid, String) {
    let made = Command::CreateReport { room: "general".into(), url };
    match world.server.administer(made).await.unwrap() {
        Answer::ReportCreated { id, signing_key } => (id, signing_key.0),
        other => panic!("no report: {other:?}"),
    }
}

/// The only report, once it is as wanted.
async fn report(world: &World, wanted: impl Fn(&Report) -> bool) -> Report {
    let looked = async {
        loop {
            let Answer::Reports { reports } = world.server.administer(Command::Reports).await.unwrap() else {
                panic!("no reports")
            };
            if let Some(found) = reports.into_iter().find(&wanted) {
                return found;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.expect("the report did not come to be as wanted")
}

#[tokio::test]
async fn a_report_is_signed_and_tried_again_until_it_is_taken() {
    let world = World::start_with(nearby).await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    alice.post(room, "before the report was made").await;
    let there = listener().await;
    let url = format!("http://{}/in?secret=1", there.local_addr().unwrap());
    let (id, key) = make(&world, url).await;
    alice.post(room, "one").await;
    let first = take(&there, "500 Internal Server Error").await;
    alice.post(room, "two").await;
    let again = take(&there, "204 No Content").await;
    assert_eq!(first.texts()[0], "one");
    assert_eq!(again.texts(), ["one", "two"]);
    let (time, digits) = again.signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    let expected = ring::hmac::sign(&key, &[time.as_bytes(), b".", &again.body].concat());
    assert_eq!(digits, expected.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    alice.post(room, "three").await;
    assert_eq!(take(&there, "200 OK").await.texts(), ["three"], "what was taken is not sent again");
    let listed = report(&world, |report| report.failures == 0 && report.sent > 0).await;
    assert_eq!((listed.to.as_str(), listed.id), ("127.0.0.1", id));
    let bad = Command::CreateReport { room: "general".into(), url: "file:///etc/passwd".into() };
    assert!(world.server.administer(bad).await.is_err());
}

/// A receiver with a certificate of a root of its own, and that root's file.
fn receiver(folder: &Path) -> (TlsAcceptor, PathBuf) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &root).unwrap();
    let path = folder.join("root.pem");
    std::fs::write(&path, root.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), path)
}

#[tokio::test]
async fn a_report_goes_over_tls_to_whom_a_named_authority_vouches_for_and_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, root) = receiver(folder.path());
    let there = listener().await;
    let port = there.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        loop {
            let (socket, _) = there.accept().await.unwrap();
            if let Ok(socket) = tls.accept(socket).await {
                return hear(socket, "200 OK").await;
            }
        }
    });
    let mut world = World::start_with(nearby).await;
    let (mut alice, me) = world.alice().await;
    let (id, _) = make(&world, format!("https://localhost:{port}/hook")).await;
    alice.post(me.rooms[0].id, "over TLS").await;
    let doubted = report(&world, |report| report.failures > 0).await;
    let problem = doubted.problem.unwrap();
    assert!(problem.contains("certificate"), "{problem}");

    let mut config = Config::new(world.dir.path().join("host"), world.address());
    nearby(&mut config);
    config.authorities = Some(root);
    soon(world.server.reload(config)).await.unwrap();
    world.server.administer(Command::ResumeReport { report: id }).await.unwrap();
    assert_eq!(soon(serving).await.unwrap().texts(), ["over TLS"]);
    report(&world, |report| report.problem.is_none() && report.failures == 0).await;
}

#[tokio::test]
async fn a_report_does_not_reach_what_only_this_machine_can() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let there = listener().await;
    let port = there.local_addr().unwrap().port();
    for name in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "0.0.0.0"] {
        let (id, _) = make(&world, format!("http://{name}:{port}/")).await;
        alice.post(me.rooms[0].id, name).await;
        let refused = report(&world, |report| report.id == id && report.failures > 0).await;
        assert!(refused.problem.unwrap().contains("not of the public internet"), "{name}");
        world.server.administer(Command::RevokeReport { report: id }).await.unwrap();
    }
    let came = tokio::time::timeout(Duration::from_millis(100), there.accept()).await;
    assert!(came.is_err(), "somebody came");
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let world = World::start_with(nearby).await;
    let (mut alice, me) = world.alice().await;
    let (there, elsewhere) = (listener().await, listener().await);
    make(&world, format!("http://{}/", there.local_addr().unwrap())).await;
    alice.post(me.rooms[0].id, "stay").await;
    let status = format!("307 Temporary Redirect\r\nLocation: http://{}/", elsewhere.local_addr().unwrap());
    take(&there, &status).await;
    let listed = report(&world, |report| report.failures > 0).await;
    assert_eq!(listed.problem.as_deref(), Some("the answer was 307"));
    take(&there, "200 OK").await;
    assert!(tokio::time::timeout(Duration::from_millis(100), elsewhere.accept()).await.is_err());
}

#[tokio::test]
async fn what_was_not_taken_is_told_after_a_restart_but_not_what_was_deleted_meanwhile() {
    let world = World::start_with(nearby).await;
    let (mut alice, me) = world.alice().await;
    let room: RoomId = me.rooms[0].id;
    let there = listener().await;
    make(&world, format!("http://{}/", there.local_addr().unwrap())).await;
    let message = message_id();
    alice.post_as(room, message, "regretted").await.unwrap();
    assert_eq!(take(&there, "503 Service Unavailable").await.texts(), ["regretted"]);
    alice.ask(Request::Delete { room, message }).await.unwrap();
    alice.post(room, "kept").await;
    let world = world.restart_with(nearby).await;
    let told = take(&there, "200 OK").await;
    assert!(told.texts().contains(&"kept".to_owned()));
    assert!(!String::from_utf8_lossy(&told.body).contains("regretted"));
    drop(world);
}

#[tokio::test]
async fn a_report_that_is_not_wanted_any_more_is_given_up_until_the_operator_says_otherwise() {
    let world = World::start_with(nearby).await;
    let (mut alice, me) = world.alice().await;
    let there = listener().await;
    let (id, _) = make(&world, format!("http://{}/", there.local_addr().unwrap())).await;
    alice.post(me.rooms[0].id, "one").await;
    take(&there, "410 Gone").await;
    let listed = report(&world, |report| report.given_up).await;
    assert_eq!(listed.problem.as_deref(), Some("the answer was 410"));
    let Answer::Audit { acts } = world.server.administer(Command::Audit { limit: 1 }).await.unwrap() else {
        panic!("no audit")
    };
    assert_eq!((acts[0].act.as_str(), acts[0].object.as_str()), ("report given up", id.to_string().as_str()));
    world.server.administer(Command::ResumeReport { report: id }).await.unwrap();
    assert_eq!(take(&there, "200 OK").await.texts(), ["one"]);
}

#[tokio::test]
async fn a_room_with_a_report_can_be_deleted() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let room = alice.create_room("short-lived", protocol::Visibility::Public).await;
    let made = Command::CreateReport { room: room.id.to_string(), url: "https://example.org/".into() };
    world.server.administer(made).await.unwrap();
    alice.ask(Request::DeleteRoom { room: room.id }).await.unwrap();
    let Answer::Reports { reports } = world.server.administer(Command::Reports).await.unwrap() else {
        panic!()
    };
    assert!(reports.is_empty());
}

#[tokio::test]
async fn a_place_that_takes_its_time_holds_up_no_other() {
    let world = World::start_with(nearby).await;
    let (mut alice, me) = world.alice().await;
    let (slow, quick) = (listener().await, listener().await);
    for there in [&slow, &quick] {
        make(&world, format!("http://{}/", there.local_addr().unwrap())).await;
    }
    alice.post(me.rooms[0].id, "one").await;
    let (mut held, _) = soon(slow.accept()).await.unwrap();
    assert!(soon(held.read(&mut [0; 1])).await.unwrap() > 0);
    assert_eq!(take(&quick, "200 OK").await.texts(), ["one"]);
    alice.post(me.rooms[0].id, "two").await;
    assert_eq!(take(&quick, "200 OK").await.texts(), ["two"]);
    held.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert_eq!(take(&slow, "200 OK").await.texts(), ["two"], "the first one was still waited for");
}
