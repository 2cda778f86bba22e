//! Finding messages again, and how much there is.

use protocol::{Change, ErrorCode, MessageId, Reply, Request, RoomId, Search, Text, UnixMillis, Visibility};

use crate::support::{Client, World, message_id};

fn words(text: &str) -> Search {
    Search {
        text: Text(text.into()),
        from: None,
        room: None,
        before: None,
        after: None,
        has_link: false,
        older_than: None,
        limit: 50,
    }
}

async fn find(client: &mut Client, search: Search) -> (Vec<(MessageId, String)>, bool) {
    match client.ask(Request::Search(search)).await.unwrap() {
        Reply::Messages { messages, more } => {
            let said = messages.into_iter().map(|event| match event.change {
                Change::Posted(posted) => (posted.message, posted.text.0),
                other => panic!("not posted: {other:?}"),
            });
            (said.collect(), more)
        }
        other => panic!("nothing was looked for: {other:?}"),
    }
}

async fn texts(client: &mut Client, text: &str) -> Vec<String> {
    find(client, words(text)).await.0.into_iter().map(|(_, text)| text).collect()
}

async fn said(client: &mut Client, room: RoomId, texts: &[&str]) -> Vec<MessageId> {
    let mut ids = Vec::new();
    for text in texts {
        let message = message_id();
        client.post_as(room, message, text).await.unwrap();
        ids.push(message);
    }
    ids
}

#[tokio::test]
async fn words_are_found_without_regard_to_case_accents_and_script() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    said(
        &mut alice,
        room,
        &["Le cœur du Café", "周末去北京吗", "Die Straße nach Norden", "plan for the weekend"],
    )
    .await;
    for (looked_for, found) in [
        ("cafe", 1),
        ("COEUR", 1),
        ("strasse", 1),
        ("北京", 1),
        ("京", 1),
        ("京北", 0),
        ("week", 1),
        ("plan week", 1),
        ("week plan", 0),
        ("eek", 0),
        ("\"the weekend\"", 1),
        ("\"weekend the\"", 0),
        ("the OR nothing", 0),
        ("zzz", 0),
    ] {
        assert_eq!(texts(&mut alice, looked_for).await.len(), found, "{looked_for}");
    }
    for nothing in ["", "  ", "\"*\"", "--"] {
        assert_eq!(alice.refused(Request::Search(words(nothing))).await, ErrorCode::OutOfBounds);
    }
}

#[tokio::test]
async fn filters_and_pages_narrow_what_is_found() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let films = alice.create_room("films", Visibility::Public).await.id;
    said(&mut alice, room, &["tea at four", "tea: https://example.org/tea"]).await;
    said(&mut bob, room, &["tea for me"]).await;
    said(&mut alice, films, &["tea with Mussolini"]).await;

    let count = async |search: Search, client: &mut Client| find(client, search).await.0.len();
    assert_eq!(count(words("tea"), &mut alice).await, 4);
    assert_eq!(count(Search { from: Some(bobs.member.id), ..words("tea") }, &mut alice).await, 1);
    assert_eq!(count(Search { room: Some(films), ..words("tea") }, &mut alice).await, 1);
    assert_eq!(count(Search { has_link: true, ..words("tea") }, &mut alice).await, 1);
    assert_eq!(count(Search { before: Some(UnixMillis(1)), ..words("tea") }, &mut alice).await, 0);
    assert_eq!(count(Search { after: Some(UnixMillis(1)), ..words("tea") }, &mut alice).await, 4);
    assert_eq!(count(Search { room: Some(room), ..words("") }, &mut alice).await, 3);

    let mut seen = Vec::new();
    let mut older_than = None;
    loop {
        let (page, more) = find(&mut alice, Search { older_than, limit: 3, ..words("tea") }).await;
        older_than = page.last().map(|(message, _)| *message);
        seen.extend(page);
        if !more {
            break;
        }
    }
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0].1, "tea with Mussolini", "newest first");
    assert_eq!(count(words("tea"), &mut bob).await, 3, "not from a room he is not in");
    assert_eq!(
        bob.refused(Request::Search(Search { room: Some(films), ..words("tea") })).await,
        ErrorCode::Forbidden
    );
}

#[tokio::test]
async fn what_was_edited_or_deleted_is_found_by_its_new_words_only() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let ids = said(&mut alice, room, &["apples", "pears"]).await;
    alice.ask(Request::Edit { room, message: ids[0], text: "plums".into() }).await.unwrap();
    alice.ask(Request::Delete { room, message: ids[1] }).await.unwrap();
    assert!(texts(&mut alice, "apples").await.is_empty());
    assert!(texts(&mut alice, "pears").await.is_empty());
    assert_eq!(texts(&mut alice, "plums").await, ["plums"]);
}

#[tokio::test]
async fn a_date_leads_into_the_log_and_the_owner_sees_the_figures() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let Reply::Posted { seq, at, .. } = alice.post(room, "x").await else { panic!("not posted") };
    let seq_at = async |client: &mut Client, at| match client.ask(Request::SeqAt { room, at }).await.unwrap()
    {
        Reply::SeqAt { seq, .. } => seq,
        other => panic!("no number: {other:?}"),
    };
    assert_eq!(seq_at(&mut bob, UnixMillis(0)).await.0, 1);
    assert!(seq_at(&mut bob, at).await <= seq);
    assert_eq!(seq_at(&mut bob, UnixMillis(at.0 + 1_000_000)).await, seq.next());

    let Reply::Statistics(figures) = alice.ask(Request::Statistics).await.unwrap() else {
        panic!("no figures")
    };
    assert_eq!((figures.members, figures.rooms, figures.messages), (2, 1, 1));
    assert_eq!(figures.days.iter().map(|day| (day.room, day.messages)).collect::<Vec<_>>(), [(room, 1)]);
    assert!(figures.bytes > 0);
    let dave = world.invited(&mut alice, "dave").await.1.member.id;
    alice.ask(Request::DeleteAccount { member: dave, password: None }).await.unwrap();
    let Reply::Statistics(figures) = alice.ask(Request::Statistics).await.unwrap() else {
        panic!("no figures")
    };
    assert_eq!(figures.members, 2, "who is gone is none of them");
    assert_eq!(bob.refused(Request::Statistics).await, ErrorCode::Forbidden);
}
