//! The host as a service: figures, reloads, signals.

use protocol::{Reply, Request};
use server_core::{ReloadError, TlsFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{World, soon};

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    get_as(address, path, &address.to_string()).await
}

/// Asks by the name `host`.
async fn get_as(address: std::net::SocketAddr, path: &str, host: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(socket.read_to_string(&mut answer)).await.unwrap();
    answer
}

fn free_port() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn figures_are_served_apart_and_name_nobody() {
    let address = free_port();
    let world = World::start_with(|config| config.metrics = Some(address)).await;
    let (mut alice, me) = world.alice().await;
    for number in 0..5 {
        alice.post(me.rooms[0].id, &format!("very private {number}")).await;
    }
    alice.refused(Request::JoinRoom { room: protocol::RoomId(uuid::Uuid::nil()) }).await;
    let figures = get(address, "/metrics").await;
    for line in [
        "# TYPE hearth_commits_total counter",
        "hearth_members_online 1",
        "hearth_connections 1",
        "hearth_writable 1",
        "hearth_refusals_total{code=\"not_found\"} 1",
        "hearth_commit_seconds_bucket{le=\"+Inf\"}",
    ] {
        assert!(figures.contains(line), "{line}: {figures}");
    }
    assert!(!figures.contains("alice") && !figures.contains("private"));
    assert!(get(world.address(), "/metrics").await.starts_with("HTTP/1.1 404 "));
    for (name, status) in [("evil.example", "421"), ("localhost", "200"), ("hearth.local", "200")] {
        let answer = get_as(address, "/metrics", name).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer}");
        assert!(answer.contains("x-request-id: "), "{answer}");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_those_who_have_asked_nothing() {
    let world = World::start_with(|config| config.timeouts.stop = std::time::Duration::from_secs(3600)).await;
    let mut silent = TcpStream::connect(world.address()).await.unwrap();
    let mut begun = TcpStream::connect(world.address()).await.unwrap();
    begun.write_all(&[0x16, 3, 1]).await.unwrap();
    // Whoever is answered now was accepted after them.
    get(world.address(), "/livez").await;
    soon(world.server.stop()).await;
    for socket in [&mut silent, &mut begun] {
        assert!(matches!(soon(socket.read(&mut [0])).await, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn every_answer_has_a_number() {
    let world = World::start().await;
    let header = |answer: &str| {
        answer.lines().find_map(|line| line.strip_prefix("x-request-id: ").map(str::to_owned)).unwrap()
    };
    let one = header(&get(world.address(), "/livez").await);
    assert_ne!(one, header(&get(world.address(), "/livez").await));
    assert_eq!(one.len(), 36);
}

#[tokio::test]
async fn a_reload_renames_the_host_for_good_and_forgets_nobody() {
    let mut world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let mut config = server_core::Config::new(world.dir.path().join("host"), world.address());
    config.name = Some(" Atelier ".into());
    config.public_names = vec!["chat.example.org".parse().unwrap()];
    soon(world.server.reload(config.clone())).await.unwrap();
    assert_eq!(world.server.name(), "Atelier");
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
    let mut client = world.dial().await;
    let Reply::Welcome(welcome) = client.hello().await else { panic!("no welcome") };
    assert_eq!(welcome.host.name, "Atelier");

    let nowhere = TlsFiles { certificate: "/nowhere/chain.pem".into(), key: "/nowhere/key.pem".into() };
    config.tls = Some(nowhere);
    config.name = Some("Third".into());
    let refused = soon(world.server.reload(config.clone())).await;
    assert!(matches!(refused, Err(ReloadError::Certificate(_))), "{refused:?}");
    config.name = Some("a\u{202e}b".into());
    assert!(matches!(soon(world.server.reload(config)).await, Err(ReloadError::Name(_))));
    assert_eq!(world.server.name(), "Atelier", "what does not hold changes nothing");
}

#[cfg(unix)]
#[tokio::test]
async fn signals_reload_and_end_the_program_and_the_service_manager_is_told() {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixDatagram;
    use std::process::{Command, Stdio};

    let dir = tempfile::tempdir().unwrap();
    let manager = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    let settings = dir.path().join("server.toml");
    let data = dir.path().join("host").display().to_string();
    std::fs::write(&settings, format!("[host]\nname = \"Studio\"\ndata_dir = '{data}'\n")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hearth-server"))
        .args(["serve", "--json", "--listen", "127.0.0.1:0", "-O", "log.format=json", "--config"])
        .arg(&settings)
        .env("NOTIFY_SOCKET", dir.path().join("notify"))
        .env_remove("HEARTH_DATA_DIR")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("\"name\":\"Studio\""), "{first}");
    let heard = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let signal = |name: &str| {
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    assert!(heard().contains("READY=1"));
    let changed = format!("[host]\nname = \"Atelier\"\ndata_dir = '{data}'\n[snapshots]\nkeep = 1\n");
    std::fs::write(&settings, changed).unwrap();
    signal("-HUP");
    assert!(heard().contains("RELOADING=1"));
    assert!(heard().contains("READY=1"));
    std::fs::write(&settings, "[host]\nnome = \"Third\"\n").unwrap();
    signal("-HUP");
    assert!(heard().contains("RELOADING=1"));
    assert!(heard().contains("READY=1"));
    signal("-TERM");
    assert!(heard().contains("STOPPING=1"));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let log = String::from_utf8(output.stderr).unwrap();
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    }
    assert!(log.contains("the settings were read again") && log.contains("the settings stay as they were"));
    assert!(log.contains("did you mean `host.name`"), "{log}");
    assert!(log.contains("wait for a restart") && log.contains("\"waiting\":\"snapshots\""), "{log}");
}

/// Everything that may be said on the way in, and how it would look in a log.
fn as_a_log_would_show_it(secret: &str) -> [String; 3] {
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let numbers = secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    [secret.to_owned(), hex, numbers]
}

#[tokio::test]
async fn not_even_the_most_talkative_log_shows_what_was_said() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hearth-server"))
        .args(["serve", "--json", "--no-announce", "--listen", "127.0.0.1:0"])
        .args(["-O", "log.filter=trace", "-O", "log.format=json", "--data-dir"])
        .arg(dir.path().join("host"))
        .env_remove("HEARTH_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let listening: serde_json::Value = serde_json::from_str(&first).unwrap();
    let address: std::net::SocketAddr = listening["address"].as_str().unwrap().parse().unwrap();
    let link = protocol::InviteLink::parse(listening["owner_link"].as_str().unwrap()).unwrap();

    let mut alice = crate::support::Client::dial(address, &[]).await.unwrap();
    alice.hello().await;
    let by = protocol::SignIn::Invite {
        token: link.token.clone(),
        name: "needle in a name".into(),
        password: Some("needle in a password".into()),
    };
    let me = alice.sign_in(by).await.unwrap();
    alice.post(me.rooms[0].id, "needle in a message").await;
    let mut wrong = crate::support::Client::dial(address, &[]).await.unwrap();
    wrong.hello().await;
    let by = protocol::SignIn::Password { name: "needle of nobody".into(), password: "needle, wrong".into() };
    wrong.sign_in(by).await.unwrap_err();
    wrong.say("{ needle in no frame".into()).await;
    get(address, "/hooks/needle-in-a-path?needle=in-a-query").await;
    get(address, "/join/needle-in-a-place").await;
    let mut secure = TcpStream::connect(address).await.unwrap();
    secure.write_all(b"\x16\x03\x01 needle in no handshake").await.unwrap();

    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let output = soon(tokio::task::spawn_blocking(move || child.wait_with_output())).await.unwrap().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("\"level\":\"DEBUG\"") && log.contains("server_core"), "it says nothing: {log}");
    for secret in ["needle", &link.token.0, &me.token.unwrap().0] {
        for shown in as_a_log_would_show_it(secret) {
            assert!(!log.contains(&shown), "{shown} is in the log: {log}");
        }
    }
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    }
}

#[tokio::test]
async fn links_lead_to_the_name_by_which_others_reach_the_host() {
    use server_core::admin::{Answer, Command};
    let mut world = World::start_with(|config| {
        config.public_names =
            vec!["chat.example.org".parse().unwrap(), "talk.example.org:8443".parse().unwrap()];
    })
    .await;
    assert_eq!(world.server.addresses(), ["chat.example.org:443", "talk.example.org:8443"]);
    assert_eq!(world.server.owner_invite().unwrap().addresses[0], "chat.example.org:443");
    let (_alice, _) = world.alice().await;
    let made = Command::CreateInvite { role: protocol::Role::Member, uses: 1, life_ms: 60_000 };
    let Answer::InviteCreated { web_link, .. } = world.server.administer(made.clone()).await.unwrap() else {
        panic!("no invite")
    };
    assert!(web_link.0.starts_with("https://chat.example.org/join/"), "{}", web_link.0);

    let mut config = server_core::Config::new(world.dir.path().join("host"), world.address());
    config.public_names = vec!["new.example.org".parse().unwrap()];
    soon(world.server.reload(config)).await.unwrap();
    let Answer::InviteCreated { web_link, .. } = world.server.administer(made).await.unwrap() else {
        panic!("no invite")
    };
    assert!(web_link.0.starts_with("https://new.example.org/join/"), "{}", web_link.0);
}
