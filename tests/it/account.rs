//! One's own account from the command line: a picture, a status, and a second factor that the host asks for.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::world::{Cli, World, write};

use crate::{alice_at_home, invite, is_message};

const PASSWORD: &str = "a long pass phrase";

/// The one line of JSON that a command says.
fn said(who: &Cli, words: &[&str]) -> Value {
    who.done(words).unwrap().json().unwrap().pop().unwrap()
}

/// A small picture: that of the golden frame.
fn picture() -> Vec<u8> {
    let golden = include_str!("../../protocol/tests/wire/client/set_avatar.json");
    let frame: Value = serde_json::from_str(golden).unwrap();
    URL_SAFE_NO_PAD.decode(frame["image"].as_str().unwrap()).unwrap()
}

#[test]
fn a_picture_and_a_status_are_seen_by_others() {
    let world = World::new().unwrap();
    let (_host, alice) = alice_at_home(&world);
    let bob = world.client("bob").unwrap();
    bob.join(&invite(&alice, 1), "Bob").unwrap();
    let file = |name: &str| world.folder().join(name).to_str().unwrap().to_owned();
    let (sent, got) = (file("sent"), file("got"));
    std::fs::write(&sent, picture()).unwrap();

    let set = said(&alice, &["avatar", "set", &sent, "--json"]);
    let shown = said(&bob, &["avatar", "get", &got, "--member", "Alice", "--json"]);
    assert_eq!(set, shown);
    let digest = Sha256::digest(std::fs::read(&got).unwrap());
    let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(shown["avatar"], hex);
    let room = said(&alice, &["avatar", "set", &sent, "--room", "general", "--json"]);
    assert_eq!(room, shown, "the same picture has the same id");
    assert_eq!(said(&bob, &["avatar", "get", &got, "--room", "#general", "--json"]), room);
    for shown in [&["avatar", "remove", "--room", "general"][..], &["avatar", "remove", "--member", "Alice"]]
    {
        assert_eq!(bob.say(shown).unwrap().code, Some(1), "not his to take away");
    }
    alice.done(&["avatar", "remove"]).unwrap();
    assert!(bob.say(&["avatar", "get", &got, "--member", "Alice"]).unwrap().err.contains("no such picture"));
    write(world.folder().join("page").as_path(), "<html>").unwrap();
    assert!(alice.say(&["avatar", "set", &file("page")]).unwrap().err.contains("image is not a PNG"));

    let me = said(&alice, &["profile", "--status", "at lunch", "--emoji", "🍜", "--minutes", "30", "--json"]);
    assert_eq!((me["status"].as_str(), me["status_emoji"].as_str()), (Some("at lunch"), Some("🍜")));
    assert!(me["status_until"].is_u64());
    let me = said(&alice, &["profile", "--name", "Alicia", "--json"]);
    assert_eq!((me["name"].as_str(), me["status"].as_str()), (Some("Alicia"), Some("at lunch")));
    assert!(me["status_until"].is_u64(), "another name leaves the rest as it is");
}

/// What an authenticator with this secret shows, the step before this one.
fn code(secret: &str) -> String {
    let key = totp_rs::Secret::try_from_base32(secret).unwrap();
    let authenticator = totp_rs::Builder::new().with_secret(key).with_account_name("x").build().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    authenticator.generate(now - 30).to_string()
}

#[test]
fn a_host_that_asks_for_a_second_factor_opens_once_there_is_one() {
    let world = World::new().unwrap();
    let mut plan = world.host("studio");
    plan.settings.push("sign_in.second_factor=everyone".to_owned());
    let host = plan.start().unwrap();
    let alice = world.client("alice").unwrap();
    alice.join(&host.owner_link().unwrap(), "Alice").unwrap();
    let refused = alice.say(&["rooms"]).unwrap();
    assert_eq!((refused.code, refused.err.contains("second-factor begin")), (Some(1), true), "{refused:?}");
    assert_eq!(said(&alice, &["second-factor", "status", "--json"])["missing"], true);

    let password = world.folder().join("password");
    write(&password, PASSWORD).unwrap();
    let password = password.to_str().unwrap();
    alice.done(&["password", "--new-password-file", password]).unwrap();
    let begin = ["second-factor", "begin", "--password-file", password, "--json"];
    let secret = said(&alice, &begin)["secret"].as_str().unwrap().to_owned();
    let codes = loop {
        // At the turn of a step the code may be too old by the time it arrives.
        let confirmed = alice.say(&["second-factor", "confirm", &code(&secret), "--json"]).unwrap();
        match confirmed.code {
            Some(0) => break confirmed.json().unwrap().pop().unwrap(),
            _ => assert!(confirmed.err.contains("not right"), "{confirmed:?}"),
        }
    };
    assert_eq!(codes["codes"].as_array().unwrap().len(), 10);
    alice.done(&["post", "general", "at last"]).unwrap();
    let end = alice.say(&["second-factor", "end", "--password-file", password]).unwrap();
    assert!(end.err.contains("this host asks you"), "{end:?}");

    // What is written before there is one waits, and is lost by nothing.
    let bob = world.client("bob").unwrap();
    bob.join(&invite(&alice, 1), "Bob").unwrap();
    let plan = host.stop().unwrap();
    let mut open = plan.clone();
    open.settings.clear();
    let host = open.start().unwrap();
    bob.done(&["rooms"]).unwrap();
    drop(host);
    bob.done(&["post", "general", "written before", "--no-wait"]).unwrap();
    let host = plan.start().unwrap();
    let waits = bob.say(&["post", "general", "and after"]).unwrap();
    assert!(waits.err.contains("second-factor begin"), "{waits:?}");
    let mut open = host.stop().unwrap();
    open.settings.clear();
    let _host = open.start().unwrap();
    let mut tail = alice.begin(&["tail", "--json", "--from", "0"]).unwrap();
    bob.done(&["post", "general", "at last"]).unwrap();
    tail.lines.find_json("what waited", |line| is_message(line, "written before")).unwrap();
    tail.lines.find_json("what waited behind it", |line| is_message(line, "and after")).unwrap();
}
