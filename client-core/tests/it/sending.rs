//! The outbox: nothing is lost, nothing is doubled, refusals are kept for their writer.

use client_core::{Delivery, SendError};
use protocol::{Seq, Visibility};

use crate::stage::{Stage, delivered, general, is_failed, live, message, post, texts, whole};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_written_while_the_host_is_away_arrives_once_after_a_restart() {
    let stage = Stage::new();
    let server = stage.host().await;
    let address = server.local_addr();
    let ((alices, alice), (_bobs, bob)) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    server.stop().await;

    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(alice.send(room, text).await.unwrap());
    }
    let page = alice.timeline(room, None, 50).await.unwrap();
    assert_eq!(texts(&page.items), ["one", "two", "three"]);
    assert!(page.items.iter().rev().take(3).all(|item| item.delivery == Delivery::Queued));
    alices.stop().await;

    let server = stage.host_at("studio", address).await;
    let alices = stage.profile("alice").await;
    let alice = alices.start().await.unwrap().remove(0);
    for id in &sent {
        delivered(&alice, *id).await;
    }
    assert_eq!(alice.unsent().await.unwrap(), 0);
    bob.retry_now();
    live(&bob).await;
    for id in &sent {
        delivered(&bob, *id).await;
    }
    assert_eq!(texts(&whole(&bob, room, 50).await), ["one", "two", "three"]);
    assert_eq!(texts(&whole(&alice, room, 50).await), ["one", "two", "three"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_room_arrive_in_the_order_of_writing() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), _) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    let written: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    let mut last = None;
    for text in &written {
        last = Some(alice.send(room, text.clone()).await.unwrap());
    }
    delivered(&alice, last.unwrap()).await;
    assert_eq!(texts(&whole(&alice, room, 25).await), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_is_kept_until_retried_or_discarded() {
    let stage = Stage::new();
    let server = stage.host().await;
    let (_, (_bobs, bob)) = stage.alice_and_bob(&server).await;
    let room = bob.create_room("attic", "", Visibility::Public).await.unwrap().id;
    bob.leave_room(room).await.unwrap();
    assert!(bob.rooms().await.unwrap().iter().all(|mine| mine.id != room));
    let first = bob.send(room, "is anybody here?").await.unwrap();
    let second = bob.send(room, "hello?").await.unwrap();
    message(&bob, first, "the refusal", is_failed).await;
    message(&bob, second, "the other refusal", is_failed).await;
    // The other room is not held up.
    post(&bob, general(&bob).await, "they left").await;

    bob.discard(second).await.unwrap();
    assert!(bob.message(second).await.unwrap().is_none());
    assert!(matches!(bob.discard(second).await, Err(SendError::NotWaiting)));
    bob.join_room(room).await.unwrap();
    bob.retry(first).await.unwrap();
    delivered(&bob, first).await;
    assert_eq!(texts(&whole(&bob, room, 50).await), ["is anybody here?"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_sent_is_said_at_once() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), _) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    assert!(matches!(alice.send(room, " \n").await, Err(SendError::Text(_))));
    assert!(matches!(alice.send(room, "x".repeat(20_000)).await, Err(SendError::Text(_))));
    let nowhere = "01a1f940-49b1-74d1-983f-aa7016586ebf".parse().unwrap();
    assert!(matches!(alice.send(nowhere, "hello").await, Err(SendError::UnknownRoom)));
    assert_eq!(alice.unsent().await.unwrap(), 0);
    assert!(post(&alice, room, "hello").await > Seq(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_a_profile_holds_a_message_a_name_or_a_token() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), (bobs, bob)) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    post(&alice, room, "pamplemousse-7193").await;
    let id = post(&bob, room, "quincaillerie-2804").await;
    assert!(id > Seq(0));
    for file in files(&stage.profile_folder("bob")).into_iter().chain(files(&stage.profile_folder("alice"))) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in ["pamplemousse", "quincaillerie", "general", "studio", "bob's laptop"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", file.display());
        }
    }
    bobs.stop().await;
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
