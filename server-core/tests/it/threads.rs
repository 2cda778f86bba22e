//! Threads: who follows them, what waits in them, and how they are listed.

use protocol::{
    Attention, Change, ErrorCode, MessageId, Post, Posted, Progress, Reading, Reply, Request, RoomId, Seq,
    ThreadProgress, Visibility,
};

use crate::support::{Client, World, message_id};

async fn post(client: &mut Client, room: RoomId, thread: Option<MessageId>, text: &str) -> (MessageId, Seq) {
    let message = message_id();
    let post = Post { thread, ..Post::new(room, message, text.into()) };
    match client.ask(Request::Post(post)).await.unwrap() {
        Reply::Posted { seq, .. } => (message, seq),
        other => panic!("not posted: {other:?}"),
    }
}

async fn threads(client: &mut Client, unread: bool) -> Vec<ThreadProgress> {
    let request = Request::Threads { older_than: None, unread, limit: 50 };
    let Reply::Threads { threads, more } = client.ask(request).await.unwrap() else { panic!("no threads") };
    assert!(!more);
    threads
}

async fn in_room(client: &mut Client, room: RoomId) -> Progress {
    let Reply::ProgressList { rooms } = client.ask(Request::Progress).await.unwrap() else {
        panic!("no list")
    };
    rooms.into_iter().find(|progress| progress.room == room).unwrap()
}

async fn change(client: &mut Client, request: Request) -> ThreadProgress {
    match client.ask(request).await.unwrap() {
        Reply::ThreadProgress { thread, .. } => thread,
        other => panic!("no progress: {other:?}"),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "what was pushed is handed over")]
fn heard(reply: Reply) -> Option<ThreadProgress> {
    if let Reply::ThreadProgress { thread, .. } = reply { Some(thread) } else { None }
}

async fn message(client: &mut Client, room: RoomId, wanted: MessageId) -> Posted {
    let history = Request::History { room, before: None, after: None, limit: 200 };
    let Reply::History(page) = client.ask(history).await.unwrap() else { panic!("no history") };
    let found = page.events.into_iter().find_map(|event| match event.change {
        Change::Posted(posted) if posted.message == wanted => Some(posted),
        _ => None,
    });
    found.unwrap()
}

#[tokio::test]
async fn an_answer_waits_for_those_who_follow_the_thread_and_not_in_the_room() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let (mut carol, _) = world.invited(&mut alice, "carol").await;
    let room = me.rooms[0].id;
    let (root, _) = post(&mut alice, room, None, "who brings cake?").await;
    let before = in_room(&mut carol, room).await;
    assert_eq!(before.unread, 1);

    let (first, seq) = post(&mut bob, room, Some(root), "I do").await;
    // Alice began it, bob has answered in it: both hear at once that they follow.
    let told = alice.hears(heard).await;
    assert_eq!((told.message, told.followed, told.unread, told.newest), (root, true, 1, first));
    let told = bob.hears(heard).await;
    assert_eq!((told.followed, told.unread, told.mark), (true, 0, seq));
    assert_eq!(in_room(&mut carol, room).await.unread, 1, "it waits in the thread only");
    assert!(threads(&mut carol, false).await.is_empty());

    post(&mut bob, room, Some(root), "@carol and you?").await;
    let told = carol.hears(heard).await;
    assert_eq!((told.unread, told.mentions, told.replies), (1, 1, 2));
    let (last, end) = post(&mut carol, room, Some(root), "me too").await;
    let listed = threads(&mut alice, true).await;
    assert_eq!(listed.iter().map(|thread| (thread.unread, thread.mentions)).collect::<Vec<_>>(), [(3, 0)]);
    assert_eq!((listed[0].newest, listed[0].replies), (last, 3));
    assert_eq!(threads(&mut bob, true).await[0].unread, 1, "one's own do not count");
    let stands = message(&mut bob, room, root).await;
    assert_eq!((stands.replies, stands.replied), (3, Some(end)));

    let mark = Request::MarkThread { room, message: root, seq: end, back: false };
    assert_eq!(change(&mut alice, mark).await.unread, 0);
    assert!(threads(&mut alice, true).await.is_empty());
    let back = Request::MarkThread { room, message: root, seq, back: true };
    assert_eq!(change(&mut alice, back).await.unread, 2);
    carol.ask(Request::Delete { room, message: last }).await.unwrap();
    assert_eq!(threads(&mut alice, true).await[0].unread, 1, "what is deleted does not wait");
    let quiet = Request::SetAttention { room, attention: Attention::Nothing };
    alice.ask(quiet).await.unwrap();
    assert!(threads(&mut alice, true).await.is_empty(), "a muted room's threads are quiet");
}

#[tokio::test]
async fn who_follows_no_more_is_back_when_mentioned() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let (root, _) = post(&mut bob, room, None, "begin").await;
    post(&mut alice, room, Some(root), "one").await;
    let unfollow = Request::FollowThread { room, message: root, follow: false };
    let quiet = change(&mut bob, unfollow).await;
    assert_eq!((quiet.followed, quiet.unread), (false, 0));
    post(&mut alice, room, Some(root), "two").await;
    assert!(threads(&mut bob, false).await.is_empty());
    let (silent, _) = post(&mut alice, room, Some(root), "three").await;
    assert!(threads(&mut bob, false).await.is_empty());
    alice.ask(Request::Edit { room, message: silent, text: "three, @bob".into() }).await.unwrap();
    let waiting = threads(&mut bob, true).await;
    assert_eq!((waiting[0].unread, waiting[0].mentions), (1, 1), "an edit brought the mention");
    alice.ask(Request::Edit { room, message: silent, text: "three".into() }).await.unwrap();
    assert_eq!(threads(&mut bob, true).await[0].mentions, 0, "and took it away");

    bob.ask(Request::LeaveRoom { room }).await.unwrap();
    bob.ask(Request::JoinRoom { room }).await.unwrap();
    assert!(threads(&mut bob, false).await.is_empty(), "leaving forgets");
    let follow = Request::FollowThread { room, message: root, follow: true };
    assert_eq!(change(&mut bob, follow).await.unread, 0, "from now on");
    post(&mut alice, room, Some(root), "four").await;
    assert_eq!(threads(&mut bob, true).await[0].unread, 1);
}

#[tokio::test]
async fn threads_are_paged_by_their_newest_message() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let other = alice.create_room("other", Visibility::Public).await.id;
    let mut roots = Vec::new();
    for number in 0..5 {
        let room = if number % 2 == 0 { me.rooms[0].id } else { other };
        let (root, _) = post(&mut alice, room, None, "root").await;
        roots.push((room, root));
    }
    bob.ask(Request::JoinRoom { room: other }).await.unwrap();
    for (room, root) in roots.iter().chain([&roots[1]]) {
        post(&mut bob, *room, Some(*root), "answer").await;
    }
    let (mut listed, mut older_than) = (Vec::new(), None);
    loop {
        let request = Request::Threads { older_than, unread: false, limit: 2 };
        let Reply::Threads { threads, more } = bob.ask(request).await.unwrap() else { panic!("no threads") };
        older_than = threads.last().map(|thread| thread.newest);
        listed.extend(threads.into_iter().map(|thread| thread.message));
        if !more {
            break;
        }
    }
    assert_eq!(listed, [1, 4, 3, 2, 0].map(|index: usize| roots[index].1));
    let nothing = Request::Threads { older_than: None, unread: false, limit: 0 };
    assert_eq!(bob.refused(nothing).await, ErrorCode::OutOfBounds);
    let unknown = Request::Threads { older_than: Some(message_id()), unread: false, limit: 2 };
    assert_eq!(bob.refused(unknown).await, ErrorCode::NotFound);
}

#[tokio::test]
async fn threads_of_hidden_rooms_and_unknown_messages_look_the_same() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let hidden = alice.create_room("hidden", Visibility::Private).await.id;
    let (secret, _) = post(&mut alice, hidden, None, "secret").await;
    let (reply, _) = post(&mut alice, hidden, Some(secret), "more").await;
    let general = me.rooms[0].id;
    let (open, _) = post(&mut alice, general, None, "open").await;
    let (inner, _) = post(&mut alice, general, Some(open), "inner").await;
    let requests = |room, message| {
        [
            Request::FollowThread { room, message, follow: true },
            Request::MarkThread { room, message, seq: Seq(1), back: false },
        ]
    };
    for (room, message) in [(hidden, secret), (general, secret), (general, message_id()), (hidden, open)] {
        for request in requests(room, message) {
            assert_eq!(bob.refused(request).await, ErrorCode::NotFound);
        }
    }
    let page = |older_than| Request::Threads { older_than: Some(older_than), unread: false, limit: 2 };
    let (one, other) = (bob.ask(page(reply)).await, bob.ask(page(message_id())).await);
    assert_eq!(one, other);
    for request in requests(general, inner) {
        assert_eq!(bob.refused(request).await, ErrorCode::OutOfBounds, "it is no root");
    }
}

#[tokio::test]
async fn a_thread_that_began_before_me_is_mine_from_my_coming_on() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let request = Request::CreateRoom {
        name: "later".into(),
        topic: String::new(),
        visibility: Visibility::Private,
        reading: Reading::Join,
    };
    let Reply::Room { room } = alice.ask(request).await.unwrap() else { panic!("no room") };
    let room = room.id;
    let (root, _) = post(&mut alice, room, None, "before").await;
    post(&mut alice, room, Some(root), "before, too").await;
    alice.ask(Request::AddToRoom { room, member: bobs.member.id }).await.unwrap();
    let thread = Request::Thread { room, message: root, after: None, limit: 10 };
    assert_eq!(bob.refused(thread.clone()).await, ErrorCode::NotFound);

    let (after, _) = post(&mut alice, room, Some(root), "@bob after").await;
    let told = bob.hears(heard).await;
    assert_eq!((told.message, told.unread, told.mentions), (root, 1, 1));
    let Reply::Messages { messages, .. } = bob.ask(thread).await.unwrap() else { panic!("no messages") };
    let ids = messages.into_iter().filter_map(|event| match event.change {
        Change::Posted(posted) => Some(posted.message),
        _ => None,
    });
    assert_eq!(ids.collect::<Vec<_>>(), [after], "what was said before stays hidden");
    let back = Request::MarkThread { room, message: root, seq: Seq::ZERO, back: true };
    assert_eq!(change(&mut bob, back).await.unread, 1);
    let back = Request::Mark { room, seq: Seq::ZERO, back: true };
    let Reply::Progress { progress, .. } = bob.ask(back).await.unwrap() else { panic!("no progress") };
    assert_eq!(progress.unread, 0, "nothing before counts as unread");
    post(&mut bob, room, Some(root), "here I am").await;
}

#[tokio::test]
async fn a_returning_device_hears_how_long_a_thread_became_in_a_hole() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let (root, held) = post(&mut alice, room, None, "root").await;
    let (_, answered) = post(&mut alice, room, Some(root), "answer").await;
    for _ in 0..210 {
        post(&mut alice, room, None, "more").await;
    }
    let cursors = vec![protocol::Cursor { room, after: held }];
    let Reply::Synced { rooms } = alice.ask(Request::Sync { cursors }).await.unwrap() else { panic!() };
    let changed = &rooms[0].changed;
    assert_eq!(changed.len(), 1);
    let Change::Posted(posted) = &changed[0].change else { panic!("no message") };
    assert_eq!((posted.message, posted.replies, posted.replied), (root, 1, Some(answered)));
}

#[tokio::test]
async fn an_edit_brings_nobody_back_whom_the_message_named_before() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let (root, _) = post(&mut alice, room, None, "begin").await;
    let (called, _) = post(&mut alice, room, Some(root), "@bob lok").await;
    assert!(bob.hears(heard).await.followed);
    let unfollow = Request::FollowThread { room, message: root, follow: false };
    assert!(!change(&mut bob, unfollow).await.followed);
    alice.ask(Request::Edit { room, message: called, text: "@bob look".into() }).await.unwrap();
    assert!(threads(&mut bob, false).await.is_empty());
}
