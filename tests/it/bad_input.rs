//! What goes wrong in daily life: each says what to do, has an exit code, and loses nothing.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;

use tests::world::{Said, World, finish, write};

use crate::{alice_at_home, invite, texts};

/// A refusal: an exit code of 1, one message that says each of `words`, nothing on standard output, and no panic.
fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, Some(1), "{said:?}");
    complains(said, words);
}

fn complains(said: &Said, words: &[&str]) {
    let low = said.err.to_lowercase();
    for word in words {
        assert!(low.contains(&word.to_lowercase()), "`{word}` is not in: {said:?}");
    }
    assert!(!low.contains("panicked") && !low.contains("backtrace"), "{said:?}");
    assert!(said.err.trim().lines().count() <= 4, "{said:?}");
}

#[test]
fn a_wrong_password_is_refused_and_the_right_one_then_works() {
    let world = World::new().unwrap();
    let (host, alice) = alice_at_home(&world);
    let (right, wrong) = (world.folder().join("right"), world.folder().join("wrong"));
    write(&right, "correct horse battery").unwrap();
    write(&wrong, "incorrect horse battery").unwrap();
    let link = invite(&alice, 1).to_app_link();
    let bob = world.client("bob").unwrap();
    bob.done(&["join", &link, "--name", "Bob", "--password-file", right.to_str().unwrap()]).unwrap();

    let phone = world.client("phone").unwrap();
    let id = host.listening()["host_id"].as_str().unwrap().to_owned();
    let join = |file: &std::path::Path| {
        let words = [
            "join",
            host.address(),
            "--name",
            "Bob",
            "--expect",
            &id,
            "--password-file",
            file.to_str().unwrap(),
        ];
        phone.say(&words).unwrap()
    };
    refused(&join(&wrong), &["password"]);
    assert_eq!(join(&right).code, Some(0));
    phone.done(&["post", "general", "From my phone"]).unwrap();
    assert_eq!(texts(&alice, "general"), ["From my phone"]);
}

#[test]
fn an_invite_that_was_used_or_damaged_says_so() {
    let world = World::new().unwrap();
    let (_host, alice) = alice_at_home(&world);
    let link = invite(&alice, 1);
    world.client("bob").unwrap().join(&link, "Bob").unwrap();
    let carol = world.client("carol").unwrap();
    let app = link.to_app_link();
    refused(&carol.say(&["join", &app, "--name", "Carol"]).unwrap(), &["invite", "used", "new"]);
    let cut = carol.say(&["join", &app[..app.len() - 4], "--name", "Carol"]).unwrap();
    assert_eq!(cut.code, Some(2), "the link itself is wrong, whatever any host says");
    complains(&cut, &["link", "again"]);
    let mut unknown = link.clone();
    unknown.token = "A".repeat(43).into();
    refused(&carol.say(&["join", &unknown.to_app_link(), "--name", "Carol"]).unwrap(), &["invite"]);
    // Nothing of all that stands in the way of a good one.
    carol.join(&invite(&alice, 1), "Carol").unwrap();
}

#[test]
fn a_name_that_is_taken_and_an_unknown_room_say_so() {
    let world = World::new().unwrap();
    let (_host, alice) = alice_at_home(&world);
    let bob = world.client("bob").unwrap();
    let link = invite(&alice, 1);
    refused(&bob.say(&["join", &link.to_app_link(), "--name", "aLiCe"]).unwrap(), &["name"]);
    bob.join(&link, "Bob").unwrap();
    refused(&bob.say(&["post", "no-such-room", "hello"]).unwrap(), &["room", "no-such-room"]);
    refused(&bob.say(&["history", "no-such-room"]).unwrap(), &["room"]);
    let too_long = "x".repeat(20_000);
    refused(&bob.say_with_input(&["post", "general", "-"], &too_long).unwrap(), &["16384"]);
    assert_eq!(texts(&bob, "general"), Vec::<String>::new());
}

#[test]
fn another_host_at_the_same_address_gets_nothing() {
    let world = World::new().unwrap();
    let (host, alice) = alice_at_home(&world);
    let address = host.address().to_owned();
    let plan = host.kill().unwrap();
    let mut impostor = world.host("impostor");
    impostor.listen = address;
    let impostor = impostor.start().unwrap();
    let said = alice.say(&["post", "general", "for the right host only", "--timeout", "10"]).unwrap();
    refused(&said, &["key"]);
    impostor.kill().unwrap();
    // The message was kept, and goes to the right host once that is back.
    let _host = plan.start().unwrap();
    alice.done(&["post", "general", "and another"]).unwrap();
    assert_eq!(texts(&alice, "general"), ["for the right host only", "and another"]);
}

#[test]
fn a_host_that_does_not_answer_keeps_the_message_waiting() {
    let world = World::new().unwrap();
    let (host, alice) = alice_at_home(&world);
    let plan = host.kill().unwrap();
    let said = alice.say(&["post", "general", "patience", "--timeout", "2"]).unwrap();
    refused(&said, &["host"]);
    let _host = plan.start().unwrap();
    alice.done(&["post", "general", "rewarded"]).unwrap();
    assert_eq!(texts(&alice, "general"), ["patience", "rewarded"]);
}

#[test]
fn a_wrong_key_is_refused_as_such_and_changes_nothing() {
    let world = World::new().unwrap();
    let (host, alice) = alice_at_home(&world);
    alice.done(&["post", "general", "kept"]).unwrap();
    let right = fs::read_to_string(alice.key_file()).unwrap();
    put_key(&alice.key_file(), &"5".repeat(64));
    refused(&alice.say(&["rooms"]).unwrap(), &["key"]);
    put_key(&alice.key_file(), &right);
    assert_eq!(texts(&alice, "general"), ["kept"]);

    let plan = host.stop().unwrap();
    let key = plan.data().join("key");
    let right = fs::read_to_string(&key).unwrap();
    put_key(&key, &"5".repeat(64));
    let said = plan.start_in_vain().unwrap();
    assert!(matches!(said.code, Some(1 | 78)), "{said:?}");
    complains(&said, &["key"]);
    put_key(&key, &right);
    let _host = plan.start().unwrap();
    alice.done(&["post", "general", "still here"]).unwrap();
}

fn put_key(path: &std::path::Path, key: &str) {
    // Written in place: the file keeps its permissions.
    let mut file = OpenOptions::new().write(true).truncate(true).open(path).unwrap();
    file.write_all(key.as_bytes()).unwrap();
}

#[test]
fn a_damaged_vault_is_refused_as_such_and_never_replaced() {
    let world = World::new().unwrap();
    let (host, _alice) = alice_at_home(&world);
    let plan = host.stop().unwrap();
    let vault = plan.data().join("vault.db");
    let mut file = OpenOptions::new().read(true).write(true).open(&vault).unwrap();
    let mut first = [0; 64];
    file.seek(SeekFrom::Start(1024)).unwrap();
    file.read_exact(&mut first).unwrap();
    file.seek(SeekFrom::Start(1024)).unwrap();
    file.write_all(&first.map(|byte| !byte)).unwrap();
    let before = fs::read(&vault).unwrap();
    let said = plan.start_in_vain().unwrap();
    assert!(matches!(said.code, Some(1 | 78)), "{said:?}");
    complains(&said, &["damaged"]);
    assert_eq!(fs::read(&vault).unwrap(), before, "a vault that does not open is left as it is");
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let world = World::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut plan = world.host("studio");
    plan.listen = taken.local_addr().unwrap().to_string();
    let said = plan.start_in_vain().unwrap();
    assert!(matches!(said.code, Some(1 | 78)), "{said:?}");
    complains(&said, &["port", &taken.local_addr().unwrap().port().to_string(), "another"]);
}

#[test]
fn two_processes_never_open_one_vault() {
    let world = World::new().unwrap();
    let (host, alice) = alice_at_home(&world);
    let mut twin = world.host("studio");
    twin.listen = "127.0.0.1:0".into();
    let said = twin.start_in_vain().unwrap();
    assert!(matches!(said.code, Some(1 | 78)), "{said:?}");
    complains(&said, &["in use"]);
    alice.done(&["post", "general", "undisturbed"]).unwrap();
    host.stop().unwrap();
}

#[test]
fn without_a_keyring_the_other_ways_are_named() {
    let world = World::new().unwrap();
    let (_host, alice) = alice_at_home(&world);
    let link = invite(&alice, 1).to_app_link();
    let bob = world.client("bob").unwrap();
    let mut command = bob.bare_command();
    command.args(["join", &link, "--name", "Bob"]);
    refused(&finish(command, None).unwrap(), &["keyring", "--passphrase-file", "--key-file"]);
    assert_eq!(
        bob.done(&["join", &link, "--name", "Bob"]).unwrap().code,
        Some(0),
        "the invite was not used up"
    );
}

#[test]
fn a_wrong_use_of_the_command_line_has_its_own_code() {
    let world = World::new().unwrap();
    let bob = world.client("bob").unwrap();
    assert_eq!(bob.say(&["shout", "hello"]).unwrap().code, Some(2));
    assert_eq!(bob.say(&["post"]).unwrap().code, Some(2));
    refused(&bob.say(&["post", "general", "hello"]).unwrap(), &["join"]);
}
