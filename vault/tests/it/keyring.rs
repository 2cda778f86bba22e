//! Real keyring services on a private bus, and sessions without one.
//!
//! Each story runs in a process of its own inside `dbus-run-session`, with folders of its own, so it
//! neither sees nor changes the keyring of whoever runs it.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use vault::{Keyring, KeyringError, OpenError, OsKeyring, SlotKind, Unlock};

use crate::support::{NOTES, PASSPHRASE, child_arguments, notes, write_note};

const UNLOCKED: &str = "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null";

/// Runs the ignored test `story` after `before`, a line of shell, in a session of its own.
fn in_session(before: &str, config: Option<&Path>, story: &str) {
    let home = tempfile::tempdir().unwrap();
    let mut session = Command::new("dbus-run-session");
    if let Some(config) = config {
        session.arg(format!("--config-file={}", config.display()));
    }
    let this = std::env::current_exe().unwrap();
    session.args(["--", "bash", "-c", &format!("{before}\nexec \"$0\" \"$@\"")]);
    session.arg(this).args(child_arguments(story));
    run(&mut session, home.path(), story);
}

fn run(command: &mut Command, home: &Path, story: &str) {
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
        command.env(variable, home);
    }
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "GNOME_KEYRING_CONTROL", "DBUS_SESSION_BUS_ADDRESS"] {
        command.env_remove(variable);
    }
    let output = command.output();
    let output = output.expect("these stories need dbus and gnome-keyring: cargo xtask test installs them");
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("1 passed"), "{story}\n{told}\n{wrong}");
}

#[test]
fn a_vault_opens_with_a_real_keyring() {
    in_session(UNLOCKED, None, "keyring::keeps_a_vault");
}

#[test]
#[ignore = "run in a session of its own"]
fn keeps_a_vault() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = OsKeyring::new();
    keyring.probe().unwrap();
    assert_eq!(keyring.get("never stored"), Err(KeyringError::Missing));
    keyring.set("token", &[0, 255, 10, 0]).unwrap();
    keyring.set("token", &[1, 2, 3]).unwrap();
    assert_eq!(*keyring.get("token").unwrap(), [1, 2, 3]);
    keyring.delete("token").unwrap();
    assert_eq!(keyring.delete("token"), Err(KeyringError::Missing));

    let vault = vault::create(dir.path(), Unlock::Keyring(&keyring), &NOTES).unwrap();
    write_note(&vault, "kept").unwrap();
    vault.add_slot(Unlock::Keyring(&keyring)).unwrap();
    drop(vault);
    let vault = vault::open(dir.path(), Unlock::Keyring(&OsKeyring::new()), &NOTES).unwrap();
    assert_eq!(notes(&vault), ["kept"]);
    vault.add_slot(Unlock::Passphrase(PASSPHRASE)).unwrap();
    drop(vault);
    forget_everything();
    let opened = vault::open(dir.path(), Unlock::Keyring(&keyring), &NOTES);
    assert!(matches!(opened, Err(OpenError::EntryMissing)), "{opened:?}");
    // A passphrase is asked for once, and the keyring is set up anew.
    let vault = vault::open(dir.path(), Unlock::Passphrase(PASSPHRASE), &NOTES).unwrap();
    vault.add_slot(Unlock::Keyring(&keyring)).unwrap();
    vault.remove_slot(SlotKind::Passphrase).unwrap();
    drop(vault);
    vault::open(dir.path(), Unlock::Keyring(&keyring), &NOTES).unwrap();
}

fn forget_everything() {
    let cleared = Command::new("secret-tool").args(["clear", "service", "hearth"]).status();
    assert!(cleared.expect("libsecret-tools is installed").success());
}

#[test]
fn a_restarted_keyring_is_found_again_by_the_same_process() {
    in_session(UNLOCKED, None, "keyring::survives_a_restart");
}

#[test]
#[ignore = "run in a session of its own"]
fn survives_a_restart() {
    let keyring = OsKeyring::new();
    keyring.set("token", b"hello").unwrap();
    for _ in 0..2 {
        restart_daemon();
        assert_eq!(*keyring.get("token").unwrap(), b"hello");
        keyring.probe().unwrap();
    }
}

fn restart_daemon() {
    let mut daemon = Command::new("gnome-keyring-daemon")
        .args(["--replace", "--unlock", "--components=secrets"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    daemon.stdin.take().unwrap().write_all(b"secret").unwrap();
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn a_keyring_works_from_inside_asynchronous_code() {
    in_session(UNLOCKED, None, "keyring::is_used_within_a_runtime");
}

#[tokio::test]
#[ignore = "run in a session of its own"]
async fn is_used_within_a_runtime() {
    OsKeyring::new().probe().unwrap();
}

const LOCKED: &str = "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null
for attempt in $(seq 200); do
  printf x | secret-tool store --label=before service hearth username token && break; sleep 0.05
done
dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
  org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login >/dev/null";

#[test]
fn a_locked_keyring_says_locked() {
    in_session(LOCKED, None, "keyring::is_locked");
}

#[test]
#[ignore = "run in a session of its own"]
fn is_locked() {
    let keyring = OsKeyring::with_patience(Duration::from_secs(30));
    assert_eq!(keyring.get("token"), Err(KeyringError::Locked));
    assert_eq!(keyring.probe(), Err(KeyringError::Locked));
    let dir = tempfile::tempdir().unwrap();
    let created = vault::create(dir.path(), Unlock::Keyring(&keyring), &NOTES);
    assert!(created.is_err() && !vault::exists(dir.path()));
}

#[test]
fn a_keyring_that_does_not_answer_times_out_and_is_tried_again() {
    in_session(UNLOCKED, None, "keyring::hangs");
}

#[test]
#[ignore = "run in a session of its own"]
fn hangs() {
    let keyring = OsKeyring::with_patience(Duration::from_secs(5));
    keyring.set("token", b"hello").unwrap();
    signal_daemon("STOP");
    let began = std::time::Instant::now();
    assert_eq!(keyring.get("token"), Err(KeyringError::TimedOut));
    assert!(began.elapsed() < Duration::from_secs(60));
    signal_daemon("CONT");
    assert_eq!(*keyring.get("token").unwrap(), b"hello");
}

/// Signals the one daemon that owns the name on this private bus, found by asking the bus.
fn signal_daemon(signal: &str) {
    let asked = Command::new("dbus-send")
        .args(["--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/"])
        .args(["org.freedesktop.DBus.GetConnectionUnixProcessID", "string:org.freedesktop.secrets"])
        .output()
        .unwrap();
    let answer = String::from_utf8(asked.stdout).unwrap();
    let id = answer.split_whitespace().last().unwrap().to_owned();
    assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
}

#[test]
fn a_session_without_a_secret_service_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("session.conf");
    std::fs::write(
        &config,
        r#"<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context="default">
        <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
        </policy></busconfig>"#,
    )
    .unwrap();
    in_session("", Some(&config), "keyring::has_no_service");
}

#[test]
fn a_machine_without_a_session_bus_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    run(command.args(child_arguments("keyring::has_no_service")), home.path(), "no bus");
}

#[test]
#[ignore = "run in a session of its own"]
fn has_no_service() {
    let keyring = OsKeyring::with_patience(Duration::from_secs(30));
    assert_eq!(keyring.probe(), Err(KeyringError::NoService));
    assert_eq!(keyring.get("token"), Err(KeyringError::NoService));
    assert_eq!(keyring.delete("token"), Err(KeyringError::NoService));
}

#[test]
fn a_service_that_has_no_keyring_yet_says_so() {
    // Started without a password, it knows no collection to store in.
    in_session(
        "gnome-keyring-daemon --start --components=secrets >/dev/null",
        None,
        "keyring::has_no_collection",
    );
}

#[test]
#[ignore = "run in a session of its own"]
fn has_no_collection() {
    let keyring = OsKeyring::with_patience(Duration::from_secs(30));
    assert_eq!(keyring.probe(), Err(KeyringError::NoService));
}
