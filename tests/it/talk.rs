//! Two command-line members and one host: what one says the other hears, and nothing is lost on the way.

use tests::wait;
use tests::world::World;

use crate::{alice_at_home, invite, is_message, texts};

#[test]
fn bob_hears_alice_while_it_happens_and_alice_reads_bob_later() {
    let world = World::new().unwrap();
    let (_host, alice) = alice_at_home(&world);
    let bob = world.client("bob").unwrap();
    bob.join(&invite(&alice, 1), "Bob").unwrap();

    let mut tail = bob.begin(&["tail", "--json", "--from", "0"]).unwrap();
    alice.done(&["post", "general", "Good morning Bob, 早安"]).unwrap();
    tail.lines.find_json("Alice's message", |line| is_message(line, "Good morning Bob, 早安")).unwrap();
    drop(tail);

    bob.done(&["post", "general", "Good morning Alice 👋"]).unwrap();
    assert_eq!(texts(&alice, "general"), ["Good morning Bob, 早安", "Good morning Alice 👋"]);
    assert_eq!(texts(&bob, "general"), texts(&alice, "general"));
}

#[test]
fn a_message_written_while_the_host_is_down_arrives_once() {
    let world = World::new().unwrap();
    let (host, alice) = alice_at_home(&world);
    let bob = world.client("bob").unwrap();
    bob.join(&invite(&alice, 1), "Bob").unwrap();

    assert!(texts(&bob, "general").is_empty(), "from here on bob holds the whole room");
    let plan = host.kill().unwrap();
    bob.done(&["post", "general", "Are you there?", "--no-wait"]).unwrap();
    assert_eq!(texts(&bob, "general"), ["Are you there?"]);
    let _host = plan.start().unwrap();
    bob.done(&["post", "general", "Here I am again"]).unwrap();
    let arrived =
        wait::until("both messages", || Some(texts(&alice, "general")).filter(|texts| texts.len() > 1));
    assert_eq!(arrived.unwrap(), ["Are you there?", "Here I am again"]);
}

#[test]
fn history_is_there_without_the_host() {
    let world = World::new().unwrap();
    let (host, alice) = alice_at_home(&world);
    alice.done(&["post", "general", "Written down"]).unwrap();
    host.stop().unwrap();
    assert_eq!(texts(&alice, "general"), ["Written down"]);
}

#[test]
fn a_host_stopped_gracefully_comes_back_as_the_same_host() {
    let world = World::new().unwrap();
    let (host, alice) = alice_at_home(&world);
    alice.done(&["post", "general", "before"]).unwrap();
    let id = host.listening()["host_id"].clone();
    let host = host.stop().unwrap().start().unwrap();
    assert_eq!(host.listening()["host_id"], id);
    assert!(host.owner_link().is_err(), "it has an owner, so nobody is offered to become one");
    alice.done(&["post", "general", "after"]).unwrap();
    assert_eq!(texts(&alice, "general"), ["before", "after"]);
}
