//! The client written in another language from `docs/protocol.md` alone, against the real host.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::wait::Lines;
use tests::world::{World, finish};

use crate::{alice_at_home, invite, is_message, texts};

fn python() -> Command {
    let mut command = Command::new("python3");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/client.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[test]
fn a_client_from_the_document_alone_signs_in_posts_and_tails() {
    let world = World::new().unwrap();
    let (_host, alice) = alice_at_home(&world);
    let link = invite(&alice, 1);
    let state = world.folder().join("python.json");
    let run = |words: &[&str]| {
        let mut command = python();
        command.args(words).arg("--state").arg(&state);
        let said = finish(command, None).unwrap();
        assert_eq!(said.code, Some(0), "{said:?}");
        said.json().unwrap().pop().unwrap()
    };

    let joined = run(&["join", &link.to_app_link(), "--name", "Priya"]);
    assert_eq!(joined["rooms"], serde_json::json!(["general"]));
    let posted = run(&["post", "general", "Hello from Python 🐍"]);
    assert_eq!(texts(&alice, "general"), ["Hello from Python 🐍"]);

    let mut command = python();
    command.args(["tail", "--count", "2", "--state"]).arg(&state).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = Lines::of(child.stdout.take().unwrap());
    let seq = |line: &Value| (line["text"] == "Hello from Python 🐍").then(|| line["seq"].clone());
    let of_kind = |kind: &'static str| {
        move |line: &Value| match kind {
            "posted" => (line["kind"] == kind && line["text"] == "Hello Python").then_some(()),
            _ => (line["kind"] == kind).then_some(()),
        }
    };
    assert_eq!(lines.find_json("its own message, by the sync", seq).unwrap(), posted["seq"]);
    lines.find_json("the word that it listens", of_kind("live")).unwrap();
    alice.done(&["post", "general", "Hello Python"]).unwrap();
    lines.find_json("Alice's message, live", of_kind("posted")).unwrap();
    assert!(tests::wait::end(&mut child, "the Python client").unwrap().success());

    let mut tail = alice.begin(&["tail", "--json", "--from", "0"]).unwrap();
    tail.lines.find_json("Python's message", |line| is_message(line, "Hello from Python 🐍")).unwrap();
}

#[test]
fn it_sends_nothing_to_a_host_that_is_another_than_the_invite_says() {
    let world = World::new().unwrap();
    let (_host, alice) = alice_at_home(&world);
    let mut link = invite(&alice, 1);
    link.host = protocol::HostId::from_digest([7; 32]);
    let state = world.folder().join("python.json");
    let mut command = python();
    command.args(["join", &link.to_app_link(), "--name", "Priya", "--state"]).arg(&state);
    let said = finish(command, None).unwrap();
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("another host"), "{said:?}");
    assert!(!state.exists());
}
