//! The operator's side: settings, the admin socket, copies, by the program itself.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use protocol::{Registration, Reply, Request, Role, SignIn};
use server_core::{Config, Server};
use tokio::task::spawn_blocking;

use crate::support::{World, soon};

async fn world() -> World {
    World::start_with(|config| config.admin_socket = Some(config.data_dir.join("admin.sock"))).await
}

/// Runs the program about the host in `folder`.
async fn run(folder: &Path, arguments: &[&str]) -> Output {
    run_with(folder, arguments, "").await
}

async fn run_with(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-server"));
    command.args(arguments).env("HEARTH_DATA_DIR", folder).env_remove("STATE_DIRECTORY");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    soon(spawn_blocking(move || {
        use std::io::Write;
        let mut child = command.spawn().unwrap();
        // A program that reads no input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }))
    .await
    .unwrap()
}

async fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments).await;
    let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{arguments:?}: {out}{error}");
    out
}

fn by_password(name: &str, password: &str) -> SignIn {
    SignIn::Password { name: name.into(), password: password.into() }
}

#[tokio::test]
async fn a_backup_is_the_same_host_bit_for_bit_wherever_it_is_restored() {
    let world = world().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    for number in 0..300 {
        let (client, text) = if number % 2 == 0 { (&mut alice, "hers") } else { (&mut bob, "his") };
        client.post(me.rooms[0].id, &format!("{text} {number} 周末 é")).await;
    }
    let folder = world.dir.path().join("host");
    let backup = world.dir.path().join("backup").display().to_string();
    let restored = world.dir.path().join("elsewhere");
    let before = said(&folder, &["export", "--canonical"]).await;
    said(&folder, &["backup", &backup]).await;
    alice.post(me.rooms[0].id, "after the backup").await;
    assert_ne!(said(&folder, &["export", "--canonical"]).await, before, "the export follows the log");
    let id = world.server.host_id().clone();
    world.server.stop().await;

    said(&restored, &["restore", &backup]).await;
    assert_eq!(said(&restored, &["export", "--canonical"]).await, before);
    assert!(before.lines().count() > 300);
    let again = run(&restored, &["restore", &backup]).await;
    assert!(!again.status.success(), "nothing is ever written over");

    let mut config = Config::new(&restored, ([127, 0, 0, 1], 0).into());
    config.announce = false;
    let world = World { server: soon(Server::start(config)).await.unwrap(), dir: world.dir };
    assert_eq!(*world.server.host_id(), id);
    for token in [me.token.unwrap(), bobs.token.unwrap()] {
        let signed_in = world.greet().await.sign_in(SignIn::Session { token }).await.unwrap();
        assert_eq!(signed_in.rooms[0].head.0, me.rooms[0].head.0 + 301);
    }
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored() {
    let world = world().await;
    let (_alice, _) = world.alice().await;
    let folder = world.dir.path().join("host");
    let backup = world.dir.path().join("backup");
    said(&folder, &["backup", &backup.display().to_string()]).await;
    let live = run(&world.dir.path().join("copy"), &["restore", &folder.display().to_string()]).await;
    assert!(String::from_utf8_lossy(&live.stderr).contains("is running"));
    let database = backup.join("vault.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&database, bytes).unwrap();
    let elsewhere = world.dir.path().join("elsewhere");
    let restored = run(&elsewhere, &["restore", &backup.display().to_string()]).await;
    assert!(!restored.status.success());
    assert!(!elsewhere.exists(), "half a host helps nobody");
}

#[tokio::test]
async fn the_operator_makes_accounts_that_sign_in() {
    let world = world().await;
    let folder = world.dir.path().join("host");
    let early = run(&folder, &["admin", "user", "add", "bob"]).await;
    assert!(String::from_utf8_lossy(&early.stderr).contains("no owner yet"));
    let owner = ["admin", "user", "add", "alice", "--role", "owner", "--stdin"];
    assert!(run_with(&folder, &owner, "alice's password\n").await.status.success());
    assert_eq!(world.server.owner_invite(), None);
    let mut alice = world.greet().await;
    let me = alice.sign_in(by_password("alice", "alice's password")).await.unwrap();
    assert_eq!(me.member.role, Role::Owner);
    let shown = said(&folder, &["admin", "user", "add", "bob"]).await;
    let password = shown.lines().last().unwrap();
    let mut bob = world.greet().await;
    let bobs = bob.sign_in(by_password("bob", password)).await.unwrap();
    assert_eq!(bobs.rooms.len(), 1, "a new account comes into the room for everyone");
    let told =
        alice.hears(|reply| if let Reply::Member { member } = reply { Some(member) } else { None }).await;
    assert_eq!(told.name, "bob");
    let listed = said(&folder, &["admin", "user", "list"]).await;
    assert!(listed.contains("alice") && listed.contains("bob") && listed.contains("owner"));
}

#[tokio::test]
async fn a_reset_password_ends_all_sessions_at_once() {
    let world = world().await;
    let folder = world.dir.path().join("host");
    let (mut alice, _) = world.alice().await;
    let reset = ["admin", "user", "reset-password", "ALICE", "--stdin"];
    assert!(run_with(&folder, &reset, "another password\n").await.status.success());
    assert_eq!(alice.closed().await, 4200);
    assert!(world.greet().await.sign_in(by_password("alice", "alice's password")).await.is_err());
    world.greet().await.sign_in(by_password("alice", "another password")).await.unwrap();
}

/// The owner's link as the program prints it, and who it says it is for.
async fn owner_link(folder: &Path) -> protocol::InviteLink {
    let shown = said(folder, &["admin", "owner-link"]).await;
    assert!(shown.contains("as alice, once, until"), "{shown}");
    let line = shown.lines().find_map(|line| line.strip_prefix("app ")).unwrap();
    protocol::InviteLink::parse(line.trim()).unwrap()
}

#[tokio::test]
async fn an_owner_who_lost_everything_comes_back_by_the_command_line() {
    let world = world().await;
    let folder = world.dir.path().join("host");
    let early = run(&folder, &["admin", "owner-link"]).await;
    assert!(String::from_utf8_lossy(&early.stderr).contains("no owner yet"));
    let (mut alice, me) = world.alice().await;
    let lost = |link: protocol::InviteLink, password: &str| SignIn::Invite {
        token: link.token,
        name: "alice".into(),
        password: Some(password.into()),
    };
    let link = owner_link(&folder).await;
    assert_eq!(link.host, *world.server.host_id());
    let back = world.greet().await.sign_in(lost(link, "found again")).await.unwrap();
    assert_eq!(back.member.id, me.member.id);
    assert_eq!(alice.closed().await, 4200);
    let none = run(&folder, &["admin", "user", "end-second-factor", "alice"]).await;
    assert!(!none.status.success(), "there is none to end");
    world.server.stop().await;

    let link = owner_link(&folder).await;
    let mut config = Config::new(&folder, ([127, 0, 0, 1], 0).into());
    config.announce = false;
    config.admin_socket = Some(folder.join("admin.sock"));
    let world = World { server: soon(Server::start(config)).await.unwrap(), dir: world.dir };
    let token = link.token.clone();
    world.greet().await.sign_in(lost(link, "and again")).await.unwrap();
    world.greet().await.sign_in(by_password("alice", "and again")).await.unwrap();
    let audit = said(&folder, &["admin", "audit"]).await;
    assert!(audit.contains("owner link made") && audit.contains("account recovered"), "{audit}");
    assert!(!audit.contains(&token.0));
}

#[tokio::test]
async fn invites_and_sessions_are_made_and_ended_from_the_command_line() {
    let world = world().await;
    let folder = world.dir.path().join("host");
    let (mut alice, _) = world.alice().await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    said(&folder, &["admin", "user", "disable", "carol"]).await;
    assert_eq!(carol.closed().await, 4200);
    let promoted = run(&folder, &["admin", "user", "role", "carol", "owner"]).await;
    assert!(
        String::from_utf8_lossy(&promoted.stderr).contains("not active"),
        "nobody could sign in as the owner"
    );
    said(&folder, &["admin", "user", "enable", "carol"]).await;
    let by = SignIn::Session { token: carols.token.unwrap() };
    assert!(world.greet().await.sign_in(by).await.is_err(), "its sessions ended for good");
    assert!(!run(&folder, &["admin", "user", "ban", "alice"]).await.status.success(), "the owner stays");
    let shown = said(&folder, &["admin", "--json", "invite", "create", "--role", "guest"]).await;
    let created: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let link = protocol::InviteLink::parse(created["link"].as_str().unwrap()).unwrap();
    assert_eq!(link.host, *world.server.host_id());
    let by = |name: &str| SignIn::Invite { token: link.token.clone(), name: name.into(), password: None };
    let mut bob = world.greet().await;
    let bobs = bob.sign_in(by("bob")).await.unwrap();
    assert_eq!(bobs.member.role, Role::Guest);
    said(&folder, &["admin", "user", "role", "bob", "admin"]).await;
    let set = Request::SetRegistration { registration: Registration::Invite };
    bob.ask(set).await.expect("an admin may");
    assert!(said(&folder, &["admin", "session", "list", "bob"]).await.contains(&bobs.device.to_string()));
    said(&folder, &["admin", "room", "retention", "general", "--days", "30"]).await;
    assert!(said(&folder, &["admin", "room", "list"]).await.contains("30 days"));
    said(&folder, &["admin", "room", "retention", "general", "--forever"]).await;
    assert!(said(&folder, &["admin", "room", "list"]).await.contains("for good"));
    said(&folder, &["admin", "session", "revoke", "bob", "--all"]).await;
    assert_eq!(bob.closed().await, 4200);
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
    let audit = said(&folder, &["admin", "audit"]).await;
    for act in ["invite made", "role set", "registration set", "sessions ended", "operator"] {
        assert!(audit.contains(act), "{act}: {audit}");
    }
    assert!(!audit.contains(&link.token.0));
    assert!(said(&folder, &["admin", "stats"]).await.contains("members   3 (1 here now)"));
}

#[tokio::test]
async fn a_stopped_host_is_administered_in_its_folder() {
    let world = world().await;
    let (_alice, _) = world.alice().await;
    world.server.stop().await;
    let folder = world.dir.path().join("host");
    assert!(!folder.join("admin.sock").exists(), "a host in good order leaves no socket");
    said(&folder, &["admin", "user", "add", "bob"]).await;
    assert!(said(&folder, &["admin", "user", "list"]).await.contains("bob"));
    assert!(said(&folder, &["doctor"]).await.contains("every page of the database is whole"));
    let nowhere = run(&folder.join("nothing"), &["admin", "stats"]).await;
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(!folder.join("nothing").exists(), "asking makes no host");
}

#[cfg(unix)]
#[tokio::test]
async fn the_admin_socket_is_for_its_own_user_and_speaks_only_its_words() {
    use std::os::unix::fs::PermissionsExt;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let world = world().await;
    let path = world.dir.path().join("host/admin.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for line in ["{}\n", "not json\n", r#"{"command":"sessions","name":"alice","more":1}"#, "[1]\n"] {
        let mut socket = BufReader::new(tokio::net::UnixStream::connect(&path).await.unwrap());
        socket.write_all(format!("{}\n", line.trim()).as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(socket.read_line(&mut answer)).await.unwrap();
        assert!(answer.contains("bad_frame"), "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_moved_host_only_says_where_it_is() {
    let world = world().await;
    let folder = world.dir.path().join("host");
    let (mut alice, me) = world.alice().await;
    for nowhere in ["chat.example.org", "chat.example.org:0", "https://chat.example.org"] {
        assert_eq!(run(&folder, &["forward", "--to", nowhere]).await.status.code(), Some(1), "{nowhere}");
    }
    said(&folder, &["forward", "--to", "chat.example.org:443"]).await;
    assert_eq!(alice.closed().await, 4000);
    let moved = |reply| match reply {
        Reply::Welcome(welcome) => welcome.moved,
        other => panic!("no welcome: {other:?}"),
    };
    let by = SignIn::Session { token: me.token.unwrap() };
    let late = run(&folder, &["admin", "user", "add", "bob"]).await;
    assert!(String::from_utf8_lossy(&late.stderr).contains("has moved to chat.example.org:443"));
    said(&folder, &["admin", "user", "list"]).await;
    said(&folder, &["backup", &world.dir.path().join("late").display().to_string()]).await;
    said(&folder, &["export", "--canonical"]).await;
    let mut world = world.restart().await;
    let mut config = server_core::Config::new(&folder, ([127, 0, 0, 1], 0).into());
    config.name = Some("Studio".into());
    world.server.reload(config).await.expect("a certificate that was renewed is shown by the old place, too");
    let mut client = world.dial().await;
    let note = moved(client.hello().await).expect("a restart forgets no note");
    assert_eq!(note.addresses, ["chat.example.org:443"]);
    assert_eq!(client.sign_in(by.clone()).await.unwrap_err().code, protocol::ErrorCode::Stopping);
    let health = run(&folder, &["healthcheck", "--listen", &world.address().to_string()]).await;
    assert_eq!(health.status.code(), Some(1));
    world.server.administer(server_core::admin::Command::ComeHome).await.unwrap();
    let mut client = world.dial().await;
    assert_eq!(moved(client.hello().await), None);
    client.sign_in(by).await.unwrap();
}

#[tokio::test]
async fn settings_that_do_not_hold_end_with_78_and_wrong_calls_with_2() {
    let world = world().await;
    let folder = world.dir.path().join("host");
    let wrong = run(&folder, &["config", "check", "-O", "listen.adress=0.0.0.0:1"]).await;
    assert_eq!(wrong.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("`listen.address`"));
    let serving = run(&folder, &["serve", "-O", "timeouts.lease=1"]).await;
    assert_eq!(serving.status.code(), Some(78));
    assert_eq!(run(&folder, &["serve", "--no-such-flag"]).await.status.code(), Some(2));
    said(&folder, &["config", "check"]).await;
    assert!(said(&folder, &["config", "default"]).await.contains("#data_dir = \"\""));
    assert!(said(&folder, &["completions", "bash"]).await.contains("hearth-server"));
}

#[tokio::test]
async fn whoever_has_read_enough_closes_the_pipe_and_a_full_disk_is_told() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-server"));
    command.args(["config", "default"]).stdout(writer).stderr(Stdio::piped());
    let output = soon(spawn_blocking(move || command.output())).await.unwrap().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-server"));
    command.args(["config", "default"]).stdout(full).stderr(Stdio::piped());
    let output = soon(spawn_blocking(move || command.output())).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output takes nothing"));
}

#[tokio::test]
async fn the_program_says_who_it_is_and_why_only_once() {
    let folder = tempfile::tempdir().unwrap();
    assert!(said(folder.path(), &["--version"]).await.starts_with("hearth-server "));
    let wrong = run(folder.path(), &["config", "check", "--config", "/nowhere/server.toml"]).await;
    let told = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(told.matches("os error").count(), 1, "{told}");
    let tls = ["-O", "tls.certificate=/nowhere/chain.pem", "-O", "tls.key=/nowhere/key.pem"];
    for words in [["config", "check"], ["serve", "--json"]] {
        let output = run(&folder.path().join("host"), &[&words[..], &tls].concat()).await;
        assert_eq!(output.status.code(), Some(78), "{words:?}");
        assert!(!folder.path().join("host").exists(), "{words:?} has made a host");
    }
}

#[tokio::test]
async fn what_may_mend_itself_is_no_wrong_setting() {
    let world = world().await;
    let other = world.dir.path().join("other");
    let taken = run(&other, &["serve", "--listen", &world.address().to_string()]).await;
    assert_eq!(taken.status.code(), Some(1), "a service is to be tried again");
    // An address for documents (RFC 5737) is nobody's.
    let absent = run(&other, &["serve", "--listen", "192.0.2.1:7717"]).await;
    assert_eq!(absent.status.code(), Some(1));
    assert!(!other.exists());
}

#[tokio::test]
async fn the_doctor_says_each_thing_once_and_goes_on() {
    let world = world().await;
    let (_alice, _) = world.alice().await;
    world.server.stop().await;
    let folder = world.dir.path().join("host");
    let tls = ["-O", "tls.certificate=/nowhere/chain.pem", "-O", "tls.key=/nowhere/key.pem"];
    let shown = run(&folder, &[&["doctor", "--quick"][..], &tls].concat()).await;
    assert_eq!(shown.status.code(), Some(1));
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("BAD    /nowhere/chain.pem") && shown.contains("there is a host in"), "{shown}");
    std::fs::rename(folder.join("key"), folder.join("mislaid")).unwrap();
    let shown = String::from_utf8(run(&folder, &["doctor"]).await.stdout).unwrap();
    assert_eq!(shown.matches("BAD ").count(), 1, "{shown}");
}

#[tokio::test]
async fn a_restore_that_can_not_be_leaves_nothing_behind() {
    let world = world().await;
    let (_alice, _) = world.alice().await;
    let folder = world.dir.path().join("host");
    let place = |name: &str| world.dir.path().join(name);
    let backup = place("backup").display().to_string();
    said(&folder, &["backup", &backup]).await;
    std::fs::write(place("file"), "").unwrap();
    let among_others = run(&folder, &["backup", &world.dir.path().display().to_string()]).await;
    assert!(String::from_utf8_lossy(&among_others.stderr).contains("is not empty"));
    for target in ["file", "backup/inside", "backup"] {
        let restored = run(&place(target), &["restore", &backup]).await;
        assert_eq!(restored.status.code(), Some(1), "{target}");
    }
    let mut left = std::fs::read_dir(world.dir.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect::<Vec<_>>();
    left.sort();
    assert_eq!(left, ["backup", "file", "host"]);
    assert!(std::fs::read(place("file")).unwrap().is_empty());
    assert!(!place("backup/inside").exists() && !place("backup/inside.restoring").exists());
    let export = place("history.jsonl").display().to_string();
    let nowhere = run(&place("nowhere"), &["export", "--canonical", "-o", &export]).await;
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(!place("history.jsonl").exists(), "half an export stands in the way of the next");
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_a_link_is_restored_where_it_leads() {
    let world = world().await;
    let (_alice, _) = world.alice().await;
    let folder = world.dir.path().join("host");
    let backup = world.dir.path().join("backup").display().to_string();
    said(&folder, &["backup", &backup]).await;
    let (real, link) = (world.dir.path().join("private"), world.dir.path().join("public"));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    said(&link, &["restore", &backup]).await;
    assert!(link.is_symlink() && server_core::is_host(&real));
    let dangling = world.dir.path().join("dangling");
    std::os::unix::fs::symlink(world.dir.path().join("nothing"), &dangling).unwrap();
    let refused = run(&dangling, &["restore", &backup]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no folder"));
}

#[tokio::test]
async fn a_backup_without_its_key_asks_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key-apart").display().to_string();
    let mut config = Config::new(dir.path().join("host"), ([127, 0, 0, 1], 0).into());
    config.announce = false;
    config.unlock = server_core::HostKey::KeyFile(Some(key.clone().into()));
    let server = soon(Server::start(config)).await.unwrap();
    server.stop().await;
    let backup = dir.path().join("backup").display().to_string();
    let shown = said(&dir.path().join("host"), &["backup", &backup, "--key-file", &key]).await;
    assert!(shown.contains("is not in it"), "{shown}");
    let elsewhere = dir.path().join("elsewhere");
    let keyless = run(&elsewhere, &["restore", &backup]).await;
    assert!(String::from_utf8_lossy(&keyless.stderr).contains("--key-file"));
    said(&elsewhere, &["restore", &backup, "--key-file", &key]).await;
}

#[tokio::test]
async fn the_healthcheck_tells_a_running_host_from_none() {
    let world = world().await;
    let folder = world.dir.path().join("host");
    let address = world.address().to_string();
    assert_eq!(said(&folder, &["healthcheck", "--listen", &address]).await, "ok\n");
    world.server.stop().await;
    assert_eq!(run(&folder, &["healthcheck", "--listen", &address]).await.status.code(), Some(1));
}
