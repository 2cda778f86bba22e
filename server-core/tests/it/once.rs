//! Exactly once: however often it is said, and whichever way it is read.
//!
//! `cargo xtask drill once` and `cargo xtask drill paging` run them at their full size.

use std::collections::HashMap;

use protocol::{Change, Event, MessageId, Reply, Request, RoomId, Seq, SignIn};

use crate::support::{Client, World, message_id};

fn size(usual: usize, full: usize) -> usize {
    if std::env::var_os("HEARTH_DRILL").is_some() { full } else { usual }
}

/// Numbers that look random and are the same in every run.
fn spread(number: usize) -> usize {
    let mixed = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 40).unwrap()
}

#[tokio::test]
async fn messages_sent_up_to_five_times_over_changing_connections_are_there_once() {
    let world = World::start().await;
    let (_alice, me) = world.alice().await;
    let (room, token) = (me.rooms[0].id, me.token.unwrap());
    let messages = (0..size(400, 10_000)).map(|_| message_id()).collect::<Vec<_>>();
    let mut answers: HashMap<MessageId, Seq> = HashMap::new();
    for (turn, part) in messages.chunks(100).enumerate() {
        // Said on one connection that ends without having heard the answers, then on another one.
        for tries in 0..2 {
            let mut client = world.greet().await;
            client.sign_in(SignIn::Session { token: token.clone() }).await.unwrap();
            for (index, message) in part.iter().enumerate() {
                for _ in 0..=(spread(turn * 1000 + index) + tries) % 3 {
                    client.send(Request::post(room, *message, text(*message).into())).await;
                }
            }
            if tries == 1 {
                for message in part {
                    let again = client.post_as(room, *message, &text(*message)).await.unwrap();
                    let Reply::Posted { seq, .. } = again else { panic!("not posted") };
                    assert_eq!(*answers.entry(*message).or_insert(seq), seq);
                }
            }
        }
    }
    let mut client = world.greet().await;
    client.sign_in(SignIn::Session { token }).await.unwrap();
    let log = forwards(&mut client, room, 200).await;
    let posted = log.iter().filter_map(|event| match &event.change {
        Change::Posted(posted) => Some((posted.message, (event.seq, posted.n, posted.text.0.clone()))),
        _ => None,
    });
    let posted = posted.collect::<Vec<_>>();
    assert_eq!(posted.len(), messages.len());
    assert_eq!(
        posted.iter().map(|(_, (_, n, _))| *n).collect::<Vec<_>>(),
        (1..=messages.len() as u64).collect::<Vec<_>>()
    );
    let by_id = posted.into_iter().collect::<HashMap<_, _>>();
    for message in &messages {
        let (seq, _, said) = &by_id[message];
        assert_eq!((*seq, said), (answers[message], &text(*message)));
    }
}

#[tokio::test]
async fn a_log_that_is_edited_meanwhile_is_paged_both_ways_each_event_once() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (room, token) = (me.rooms[0].id, me.token.unwrap());
    let messages = (0..size(1500, 100_000)).map(|_| message_id()).collect::<Vec<_>>();
    for part in messages.chunks(100) {
        for message in part {
            alice.send(Request::post(room, *message, text(*message).into())).await;
        }
        // The answer to the last says that the others were taken.
        alice.post_as(room, part[part.len() - 1], &text(part[part.len() - 1])).await.unwrap();
    }
    // Not before: a connection that hears a hundred thousand events and reads none is ended, as it should be.
    let mut editor = world.greet().await;
    editor.sign_in(SignIn::Session { token }).await.unwrap();
    let head = Seq(messages.len() as u64 + 2);
    let editing = tokio::spawn(async move {
        for (turn, index) in (0..300).map(|turn| (turn, spread(turn) % messages.len())) {
            let message = messages[index];
            let request = match turn % 3 {
                0 => Request::Edit { room, message, text: format!("edit {turn}").into() },
                1 => Request::React { room, message, emoji: "👍".into() },
                _ => Request::Delete { room, message },
            };
            // What is deleted already is refused; that is no matter here.
            let _ = editor.ask(request).await;
        }
    });
    let onwards = forwards(&mut alice, room, 97).await;
    let back = backwards(&mut alice, room, 83).await;
    editing.await.unwrap();
    for log in [&onwards, &back] {
        let seqs = log.iter().map(|event| event.seq.0).collect::<Vec<_>>();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "without gap or double");
        assert!(log.len() as u64 >= head.0);
    }
}

fn text(message: MessageId) -> String {
    format!("text of {message}")
}

async fn page(
    client: &mut Client,
    room: RoomId,
    after: Option<Seq>,
    before: Option<Seq>,
    limit: u32,
) -> Vec<Event> {
    match client.ask(Request::History { room, after, before, limit }).await.unwrap() {
        Reply::History(page) => page.events,
        other => panic!("no history: {other:?}"),
    }
}

async fn forwards(client: &mut Client, room: RoomId, limit: u32) -> Vec<Event> {
    let mut log: Vec<Event> = Vec::new();
    loop {
        let after = log.last().map_or(Seq::ZERO, |event| event.seq);
        let next = page(client, room, Some(after), None, limit).await;
        if next.is_empty() {
            return log;
        }
        log.extend(next);
    }
}

async fn backwards(client: &mut Client, room: RoomId, limit: u32) -> Vec<Event> {
    let mut pages: Vec<Vec<Event>> = Vec::new();
    loop {
        let before = pages.last().and_then(|page| page.first()).map(|event| event.seq);
        let next = page(client, room, None, before, limit).await;
        if next.is_empty() {
            return pages.into_iter().rev().flatten().collect();
        }
        pages.push(next);
    }
}
