//! The program itself, used wrongly: one sentence that says what to do, the right exit code, and nothing made.

// The functions that run the program are test code too.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hearth-cli"))
        .arg("--data-dir")
        .arg(folder.join("profile"))
        .args(arguments)
        .env_remove("HEARTH_KEY_FILE")
        .env_remove("HEARTH_PASSPHRASE_FILE")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
        .output()
        .unwrap()
}

fn refused(folder: &Path, arguments: &[&str], code: i32, says: &str) {
    let output = run(folder, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(!folder.join("profile").join("vault.db").exists(), "nothing is made by a refusal");
}

#[test]
fn each_refusal_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    refused(folder, &["rooms"], 1, "hearth-cli join");
    refused(folder, &["join", "hearth://join/abc"], 2, "ask for it again");
    let key = folder.join("key");
    let key = key.to_str().unwrap();
    let missing = folder.join("no-such-file");
    let missing = missing.to_str().unwrap();
    refused(
        folder,
        &["--passphrase-file", missing, "join", "127.0.0.1:1", "--register"],
        1,
        "check the path",
    );
    assert_eq!(run(folder, &["--key-file", key, "no-such-command"]).status.code(), Some(2));
}

#[test]
fn a_profile_opens_only_with_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (key, other) = (folder.join("key"), folder.join("other"));
    let (key, other) = (key.to_str().unwrap(), other.to_str().unwrap());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let nobody = run(folder, &["--key-file", key, "join", &port, "--register", "--name", "alice"]);
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(said.contains("no host answers at"), "{said}");
    assert_eq!(run(folder, &["--key-file", key, "status"]).status.code(), Some(0));
    std::fs::write(other, "0".repeat(64)).unwrap();
    let mode = std::process::Command::new("chmod").args(["600", other]).status().unwrap();
    assert!(mode.success());
    let wrong = String::from_utf8(run(folder, &["--key-file", other, "status"]).stderr).unwrap();
    assert!(wrong.contains("does not open the vault"), "{wrong}");
    let none = String::from_utf8(run(folder, &["status"]).stderr).unwrap();
    assert!(none.contains("--key-file FILE"), "{none}");
}
