//! Certificates that browsers accept, had from a real authority (RFC 8555) by the real host.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use protocol::InviteLink;
use rustls::ClientConfig;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::authority::{Authority, connect, free_port};
use tests::wait;
use tests::world::{Host, HostPlan, World, finish, program};

const NAME: &str = "chat.hearth.test";

/// A plan for a host that asks `authority` for a certificate.
fn plan(world: &World, authority: &Authority, name: &str, port: u16) -> HostPlan {
    let mut plan = world.host(name);
    plan.listen = format!("127.0.0.1:{port}");
    plan.settings = vec![
        format!("acme.names={NAME}"),
        format!("acme.directory={}", authority.directory()),
        "acme.contact=alice@hearth.test".to_owned(),
        format!("outgoing.authorities={}", authority.web_root().display()),
    ];
    plan
}

fn address(host: &Host) -> SocketAddr {
    host.address().parse().unwrap()
}

/// Waits for a certificate that is believed; says how it stands if none comes.
fn certified(host: &Host, data: &Path, client: &Arc<ClientConfig>) -> Vec<u8> {
    wait::until("a certificate", || shown(host, client))
        .unwrap_or_else(|error| panic!("{error:#}: {}", admin(data, &["certificate", "show"])))
}

/// The certificate that a client who asks for the name is shown, if it believes it.
fn shown(host: &Host, client: &Arc<ClientConfig>) -> Option<Vec<u8>> {
    let stream = connect(address(host), NAME, Arc::clone(client)).ok()?;
    Some(stream.conn.peer_certificates()?.first()?.to_vec())
}

fn admin(data: &Path, words: &[&str]) -> Value {
    let mut command = Command::new(program("hearth-server"));
    command.args(["admin", "--json", "--data-dir"]).arg(data).args(words);
    let said = finish(command, None).unwrap();
    assert_eq!(said.code, Some(0), "{said:?}");
    said.json().unwrap().pop().unwrap()
}

#[test]
fn a_host_has_a_certificate_and_renews_it_while_it_serves() {
    let world = World::new().unwrap();
    let port = free_port().unwrap();
    let authority = Authority::start(&world.folder().join("authority"), port, 1).unwrap();
    let client = authority.client().unwrap();
    let host = plan(&world, &authority, "studio", port).start().unwrap();
    let data = world.folder().join("host-studio/data");
    let first = certified(&host, &data, &client);
    let held = admin(&data, &["certificate", "show"]);
    assert!(held["ends_at"].as_i64().unwrap() > held["next_at"].as_i64().unwrap(), "{held}");
    assert_eq!((&held["failures"], &held["problem"]), (&Value::from(0), &Value::Null), "{held}");

    admin(&data, &["certificate", "renew"]);
    let renewed = wait::until("another certificate", || {
        let now = shown(&host, &client).expect("whoever looks meanwhile is shown the one before");
        (now != first).then_some(now)
    });
    let renewed = renewed.unwrap();

    let plan = host.stop().unwrap();
    drop(authority);
    let host = plan.start().unwrap();
    let again = wait::until("the certificate that was kept", || shown(&host, &client)).unwrap();
    assert_eq!(again, renewed, "a restart needs no authority");

    let vault = std::fs::read_dir(&data).unwrap().map(|entry| std::fs::read(entry.unwrap().path()));
    let held = vault.filter_map(Result::ok).collect::<Vec<_>>();
    let plain = |what: &[u8]| held.iter().any(|file| file.windows(what.len()).any(|part| part == what));
    assert!(!plain(b"PRIVATE KEY") && !plain(b"key_pkcs8"), "a key is on disk in plain text");
}

#[test]
fn who_does_not_ask_for_the_name_meets_the_hosts_own_key() {
    let world = World::new().unwrap();
    let port = free_port().unwrap();
    let authority = Authority::start(&world.folder().join("authority"), port, 1).unwrap();
    let client = authority.client().unwrap();
    let host = plan(&world, &authority, "studio", port).start().unwrap();
    certified(&host, &world.folder().join("host-studio/data"), &client);
    for name in ["127.0.0.1", "other.hearth.test"] {
        assert!(connect(address(&host), name, Arc::clone(&client)).is_err(), "{name}");
    }
    let mut check = Command::new("openssl");
    check.args(["s_client", "-connect", host.address(), "-noservername", "-showcerts"]);
    let said = finish(check, Some("")).unwrap();
    let mut key = Command::new("openssl");
    key.args(["x509", "-noout", "-pubkey"]);
    let pem = finish(key, Some(&said.out)).unwrap().out;
    let lines = pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    let spki = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, lines).unwrap();
    let id = Sha256::digest(spki).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(host.listening()["host_id"], id);

    // What is meant for the authority is shown to nobody else, and nothing is said over such a connection.
    let mut asking = Command::new("openssl");
    asking.args(["s_client", "-connect", host.address(), "-servername", NAME, "-alpn", "acme-tls/1"]);
    let said = finish(asking, Some("GET /version HTTP/1.0\r\n\r\n")).unwrap();
    assert!(!said.out.contains("BEGIN CERTIFICATE") && !said.out.contains("hearth-server"), "{said:?}");
}

#[test]
fn an_authority_that_looks_by_plain_http_is_shown_a_file() {
    let world = World::new().unwrap();
    let (port, http_port) = (free_port().unwrap(), free_port().unwrap());
    let authority = Authority::start(&world.folder().join("authority"), 1, http_port).unwrap();
    let client = authority.client().unwrap();
    let mut plan = plan(&world, &authority, "studio", port);
    plan.settings.push("acme.challenge=http-01".into());
    plan.settings.push(format!("acme.http_address=127.0.0.1:{http_port}"));
    let host = plan.start().unwrap();
    certified(&host, &world.folder().join("host-studio/data"), &client);
    wait::until("the closing of the port", || {
        std::net::TcpStream::connect(("127.0.0.1", http_port)).is_err().then_some(())
    })
    .unwrap();
}

#[test]
fn a_name_that_leads_elsewhere_is_said_plainly_and_the_host_serves_on() {
    let world = World::new().unwrap();
    let (port, elsewhere) = (free_port().unwrap(), free_port().unwrap());
    let authority = Authority::start(&world.folder().join("authority"), elsewhere, 1).unwrap();
    let client = authority.client().unwrap();
    let host = plan(&world, &authority, "studio", port).start().unwrap();
    let data = world.folder().join("host-studio/data");
    let held = wait::until("the failure", || {
        let held = admin(&data, &["certificate", "show"]);
        (held["failures"] == 1).then_some(held)
    });
    let held = held.unwrap();
    let problem = held["problem"].as_str().unwrap();
    assert!(problem.contains(NAME) && problem.contains("does not accept"), "{problem}");
    assert!(shown(&host, &client).is_none());
    let mut doctor = Command::new(program("hearth-server"));
    doctor
        .args(["doctor", "--quick", "-O", &format!("listen.address={}", host.address()), "--data-dir"])
        .arg(&data);
    let said = finish(doctor, None).unwrap();
    assert!(said.out.contains("BAD    the authority gives no certificate (1 attempts)"), "{said:?}");
    let alice = world.client("alice").unwrap();
    // The link names what leads elsewhere; who knows the address comes in.
    let link = InviteLink { addresses: vec![host.address().to_owned()], ..host.owner_link().unwrap() };
    alice.join(&link, "Alice").unwrap();
}
