//! The store against a real vault: what is taken, what it becomes, and that the documented schema is the real one.

use protocol::{
    Change, ErrorCode, Event, HostId, Member, MemberId, MessageId, Role, Room, RoomId, Seq, Text, UnixMillis,
    Visibility,
};
use uuid::Uuid;
use vault::Unlock;

use super::receive::{Received, take};
use super::table::{coverage, events, hosts, outbox, rooms, unsure};
use super::{Outcome, SCHEMA};
use crate::outbox::item::{Refusal, Unsent};
use crate::sync::plan::Span;
use crate::timeline::{Delivery, TimelineDiff};

const ROOM: RoomId = RoomId(Uuid::from_u128(7));

struct Kept {
    vault: vault::Vault,
    host: i64,
    _folder: tempfile::TempDir,
}

fn alice() -> Member {
    Member::named(MemberId(Uuid::from_u128(1)), "alice".into(), Role::Member)
}

fn room(head: u64) -> Room {
    Room {
        id: ROOM,
        name: "general".into(),
        topic: String::new(),
        visibility: Visibility::Public,
        head: Seq(head),
        members: 2,
        role: protocol::RoomRole::Member,
        reading: protocol::Reading::Start,
        archived: false,
        avatar: None,
        with: Vec::new(),
    }
}

fn posted(seq: u64, message: u128, by: u128) -> Event {
    let change = Change::posted(MessageId(Uuid::from_u128(message)), Text("hello".into()));
    Event { room: ROOM, seq: Seq(seq), at: UnixMillis(0), by: MemberId(Uuid::from_u128(by)), change }
}

fn stretch(seqs: std::ops::RangeInclusive<u64>) -> Received {
    let head = Seq(*seqs.end());
    let events = seqs.map(|seq| posted(seq, 1000 + u128::from(seq), 2)).collect();
    Received::Stretch { room: ROOM, events, head, quiet: false }
}

fn unsent(message: u128) -> Unsent {
    Unsent {
        room: ROOM,
        message: MessageId(Uuid::from_u128(message)),
        text: Text("hello".into()),
        queued_at: UnixMillis(0),
        refusal: None,
    }
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let vault = vault::create(&folder.path().join("vault"), Unlock::KeyFile(&key), &SCHEMA).unwrap();
        let host = vault
            .write_blocking(|connection| {
                let id = HostId::from_digest([1; 32]);
                hosts::put(connection, &id, "studio", "laptop", false, &alice())
            })
            .unwrap();
        let kept = Self { vault, host, _folder: folder };
        kept.take(vec![Received::Rooms(vec![room(0)]), Received::Members(vec![alice()])]);
        kept
    }

    fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&rusqlite::Connection, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> T {
        let host = self.host;
        self.vault.write_blocking(move |connection| job(connection, host)).unwrap()
    }

    fn take(&self, batch: Vec<Received>) -> Outcome {
        self.write(move |connection, host| {
            take(connection, host, (alice(), std::collections::HashSet::new()), batch)
        })
    }

    fn held(&self) -> Vec<(u64, u64)> {
        let spans = self.write(|connection, host| coverage::of(connection, host, ROOM));
        spans.spans().iter().map(|span| (span.first.0, span.last.0)).collect()
    }

    fn events(&self) -> usize {
        let all = Span { first: Seq(1), last: Seq(u64::from(u32::MAX)) };
        self.write(move |connection, host| events::within(connection, host, ROOM, all)).len()
    }
}

#[test]
fn the_same_words_twice_change_nothing() {
    let kept = Kept::new();
    assert_eq!(kept.take(vec![stretch(1..=5)]).diffs.len(), 5);
    let again = kept.take(vec![stretch(1..=5), Received::Event(posted(3, 1003, 2))]);
    assert!(again.diffs.is_empty() && again.rooms.is_none() && again.gaps.is_empty());
    assert_eq!((kept.held(), kept.events()), (vec![(1, 5)], 5));
}

#[test]
fn what_a_sync_leaves_out_stays_a_hole_until_it_is_paged() {
    let kept = Kept::new();
    kept.take(vec![stretch(1..=3)]);
    let outcome = kept.take(vec![stretch(9..=12)]);
    assert!(outcome.gaps.is_empty(), "a hole of a sync is known, not missed");
    assert_eq!(kept.held(), [(1, 3), (9, 12)]);
    kept.take(vec![stretch(4..=8)]);
    assert_eq!(kept.held(), [(1, 12)]);
}

#[test]
fn a_pushed_event_without_the_ones_before_it_shows_a_gap() {
    let kept = Kept::new();
    kept.take(vec![stretch(1..=3)]);
    assert!(kept.take(vec![Received::Event(posted(4, 4, 2))]).gaps.is_empty());
    assert_eq!(kept.take(vec![Received::Event(posted(7, 7, 2))]).gaps, [ROOM]);
    let closed = kept.take(vec![Received::Event(posted(9, 9, 2)), stretch(5..=8)]);
    assert!(closed.gaps.is_empty(), "the same turn brought what was missing");
}

#[test]
fn an_acknowledgement_turns_an_unsent_message_into_its_event_once() {
    let kept = Kept::new();
    kept.write(|connection, host| outbox::put(connection, host, &unsent(42)));
    let acked = || Received::Acked {
        message: MessageId(Uuid::from_u128(42)),
        room: ROOM,
        seq: Seq(1),
        at: UnixMillis(9),
    };
    let outcome = kept.take(vec![acked(), Received::Event(posted(1, 42, 1)), acked()]);
    let [(ROOM, TimelineDiff::Put(item))] = outcome.diffs.as_slice() else { panic!("{outcome:?}") };
    assert_eq!((item.seq, &item.delivery, item.by_name.as_str()), (Some(Seq(1)), &Delivery::Sent, "alice"));
    assert_eq!(kept.write(outbox::count), 0);
    assert_eq!(kept.events(), 1);
}

#[test]
fn an_own_event_that_overtakes_its_acknowledgement_empties_the_outbox() {
    let kept = Kept::new();
    kept.write(|connection, host| outbox::put(connection, host, &unsent(42)));
    kept.take(vec![Received::Event(posted(1, 42, 1))]);
    assert_eq!(kept.write(outbox::count), 0);
}

#[test]
fn another_members_event_with_my_messages_id_leaves_my_outbox_alone() {
    let kept = Kept::new();
    kept.write(|connection, host| outbox::put(connection, host, &unsent(42)));
    kept.take(vec![Received::Event(posted(1, 42, 2))]);
    assert_eq!(kept.write(outbox::count), 1);
}

#[test]
fn a_refused_message_keeps_its_reason_and_lets_the_next_one_through() {
    let kept = Kept::new();
    kept.write(|connection, host| {
        outbox::put(connection, host, &unsent(1))?;
        outbox::put(connection, host, &unsent(2))
    });
    let heads = |kept: &Kept| kept.write(outbox::heads).into_iter().map(|head| head.message.0.as_u128());
    assert_eq!(heads(&kept).collect::<Vec<_>>(), [1]);
    let refusal = Refusal { code: ErrorCode::NotFound, message: "no such room".into() };
    let message = MessageId(Uuid::from_u128(1));
    let outcome = kept.take(vec![Received::Refused { message, refusal: refusal.clone() }]);
    let failed = Delivery::Failed { code: ErrorCode::NotFound, message: "no such room".into() };
    assert!(matches!(&outcome.diffs[0].1, TimelineDiff::Put(item) if item.delivery == failed));
    assert_eq!(heads(&kept).collect::<Vec<_>>(), [2]);
    let kept_refusal = kept.write(move |connection, host| outbox::find(connection, host, message));
    assert_eq!(kept_refusal.unwrap().refusal, Some(refusal));
}

#[test]
fn each_room_has_its_own_head_of_the_outbox() {
    let kept = Kept::new();
    kept.write(|connection, host| {
        for (message, room) in [(1, 9), (2, 8), (3, 9), (4, 7), (5, 8)] {
            let room = RoomId(Uuid::from_u128(room));
            outbox::put(connection, host, &Unsent { room, ..unsent(message) })?;
        }
        let refusal = Refusal { code: ErrorCode::NotFound, message: String::new() };
        outbox::mark(connection, host, MessageId(Uuid::from_u128(4)), Some(&refusal))
    });
    let heads = kept.write(outbox::heads).into_iter().map(|head| head.message.0.as_u128());
    assert_eq!(heads.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_long_stretch_is_told_as_one_reading_anew() {
    let kept = Kept::new();
    assert_eq!(kept.take(vec![stretch(1..=200)]).diffs, [(ROOM, TimelineDiff::Reset)]);
}

#[test]
fn numbers_beyond_all_reason_are_not_taken() {
    let kept = Kept::new();
    kept.take(vec![Received::Event(posted(0, 1, 2)), Received::Event(posted(u64::MAX, 2, 2))]);
    assert_eq!((kept.held(), kept.events()), (vec![], 0));
}

#[test]
fn membership_counts_follow_the_log_once() {
    let kept = Kept::new();
    let bob = MemberId(Uuid::from_u128(2));
    let came = Event { change: Change::Joined { member: bob }, ..posted(1, 0, 2) };
    kept.take(vec![Received::Event(came.clone()), Received::Event(came)]);
    let found = kept.write(|connection, host| rooms::find(connection, host, ROOM)).unwrap();
    assert_eq!((found.members, found.head), (3, Seq(1)));
}

#[test]
fn forgetting_a_host_leaves_no_row_of_it() {
    let kept = Kept::new();
    kept.take(vec![stretch(1..=3)]);
    kept.write(|connection, host| outbox::put(connection, host, &unsent(1)));
    kept.write(hosts::remove);
    for table in ["hosts", "addresses", "sessions", "members", "rooms", "events", "coverage", "outbox"] {
        let left: i64 = kept.write(move |connection, _| {
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
        });
        assert_eq!(left, 0, "{table}");
    }
}

#[test]
fn the_documented_schema_is_the_real_one() {
    let kept = Kept::new();
    let real: Vec<String> = kept.write(|connection, _| {
        connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid")?
            .query_map([], |row| row.get(0))?
            .collect()
    });
    let documented =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/client-schema.sql"));
    let statements = |text: &str| -> Vec<String> {
        let without_comments: Vec<&str> =
            text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
        let words = without_comments.join(" ");
        words
            .split(';')
            .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|statement| !statement.is_empty())
            .collect()
    };
    assert_eq!(statements(&documented.unwrap()), statements(&real.join(";")));
}

fn changed(seq: u64, by: u128, change: Change) -> Event {
    Event { room: ROOM, seq: Seq(seq), at: UnixMillis(0), by: MemberId(Uuid::from_u128(by)), change }
}

fn shown(kept: &Kept, message: u128) -> (String, crate::timeline::About) {
    let message = MessageId(Uuid::from_u128(message));
    let line = kept.write(move |connection, host| {
        let event = events::of_message(connection, host, message)?.expect("it is held");
        events::line(connection, host, event)
    });
    let crate::timeline::Content::Message { text, about, .. } = line.content else { panic!("no message") };
    (text.0, *about)
}

#[test]
fn changes_taken_in_any_order_make_the_same_message() {
    let message = MessageId(Uuid::from_u128(42));
    let edited = |seq, text: &str| {
        let text = Some(text.into());
        let edit = protocol::Edited { message, text, mentions: Vec::new(), mentions_room: false };
        changed(seq, 2, Change::Edited(edit))
    };
    let log = [
        posted(1, 42, 2),
        edited(2, "second"),
        changed(3, 3, Change::Reacted { message, emoji: "+1".into() }),
        edited(4, "fourth"),
        changed(5, 3, Change::Unreacted { message, emoji: "+1".into() }),
    ];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        let kept = Kept::new();
        for index in order {
            kept.take(vec![Received::Event(log[index].clone())]);
        }
        let (text, about) = shown(&kept, 42);
        assert_eq!((text.as_str(), about.edited, about.reactions.len()), ("fourth", true, 0), "{order:?}");
    }
}

#[test]
fn a_message_read_later_already_holds_what_came_before() {
    let kept = Kept::new();
    let message = MessageId(Uuid::from_u128(42));
    kept.take(vec![Received::Event(changed(9, 3, Change::Unreacted { message, emoji: "+1".into() }))]);
    let mut late = protocol::Posted::new(message, Text("newest".into()));
    late.edited = Some(Seq(5));
    let late = changed(1, 2, Change::Posted(late));
    kept.take(vec![Received::Stretch { room: ROOM, events: vec![late], head: Seq(9), quiet: true }]);
    kept.take(vec![Received::Event(changed(3, 3, Change::Reacted { message, emoji: "+1".into() }))]);
    let (text, about) = shown(&kept, 42);
    assert_eq!((text.as_str(), about.edited, about.reactions), ("newest", true, Vec::new()));
}

#[test]
fn a_deletion_leaves_no_text_on_this_disk() {
    let kept = Kept::new();
    let message = MessageId(Uuid::from_u128(42));
    let edit = protocol::Edited {
        message,
        text: Some("hello again".into()),
        mentions: Vec::new(),
        mentions_room: false,
    };
    kept.take(vec![Received::Event(posted(1, 42, 2)), Received::Event(changed(2, 2, Change::Edited(edit)))]);
    let outcome = kept.take(vec![Received::Event(changed(3, 1, Change::Deleted { message }))]);
    let [_, (ROOM, TimelineDiff::Replace(item))] = outcome.diffs.as_slice() else { panic!("{outcome:?}") };
    assert_eq!(item.key, message.to_string());
    let (text, about) = shown(&kept, 42);
    assert!(text.is_empty() && about.deleted);
    let said: i64 = kept.write(|connection, _| {
        connection.query_row("SELECT count(*) FROM events WHERE change LIKE '%hello%'", [], |row| row.get(0))
    });
    assert_eq!(said, 0);
}

#[test]
fn a_page_that_was_under_way_while_a_message_was_deleted_neither_shows_nor_keeps_it() {
    for quiet in [true, false] {
        let kept = Kept::new();
        let message = MessageId(Uuid::from_u128(42));
        kept.take(vec![stretch(8..=9), Received::Event(changed(10, 1, Change::Deleted { message }))]);
        let page = Received::Stretch { room: ROOM, events: vec![posted(7, 42, 2)], head: Seq(9), quiet };
        let outcome = kept.take(vec![page]);
        for (_, diff) in outcome.diffs {
            let TimelineDiff::Put(line) = diff else { panic!("{diff:?}") };
            let crate::timeline::Content::Message { text, .. } = line.content else { panic!("no message") };
            assert_eq!(text.0, "");
        }
        let (text, about) = shown(&kept, 42);
        assert!(text.is_empty() && about.deleted);
        let said: String = kept.write(|connection, _| {
            connection.query_row("SELECT change FROM events WHERE seq = 7", [], |row| row.get(0))
        });
        assert!(!said.contains("hello"), "{said}");
    }
}

#[test]
fn what_a_hole_did_to_a_held_message_is_taken_without_filling_the_hole() {
    let kept = Kept::new();
    kept.take(vec![stretch(1..=3)]);
    let mut gone = protocol::Posted::new(MessageId(Uuid::from_u128(1002)), Text(String::new()));
    gone.deleted = true;
    let gone = changed(2, 2, Change::Posted(gone));
    let outcome =
        kept.take(vec![Received::Changed { room: ROOM, events: vec![gone], head: Seq(12) }, stretch(9..=12)]);
    assert!(matches!(outcome.diffs.first(), Some((ROOM, TimelineDiff::Replace(_)))), "{outcome:?}");
    assert!(shown(&kept, 1002).1.deleted);
    assert_eq!(kept.held(), [(1, 3), (9, 12)]);
}

fn counted(unread: u32, mark: u64, head: u64) -> Received {
    let attention = protocol::Attention::All;
    let (mark, head) = (Seq(mark), Seq(head));
    Received::Progress(vec![protocol::Progress {
        room: ROOM,
        mark,
        marked: 0,
        attention,
        unread,
        mentions: 0,
        head,
    }])
}

impl Kept {
    fn waiting(&self) -> (u32, u32) {
        let room = self.write(|connection, host| rooms::find(connection, host, ROOM)).unwrap();
        (room.unread, room.mentions)
    }
}

#[test]
fn what_waits_is_the_hosts_count_and_what_came_since() {
    let kept = Kept::new();
    kept.take(vec![stretch(1..=5), counted(2, 3, 5)]);
    assert_eq!(kept.waiting(), (2, 0));
    // Seen by the host before it counted; mine; somebody's; the last one twice.
    let hello = Received::Event(posted(7, 701, 2));
    kept.take(vec![stretch(4..=5), Received::Event(posted(6, 601, 1)), hello.clone(), hello]);
    assert_eq!(kept.waiting(), (3, 0));
    let change = |seq, change| {
        let by = MemberId(Uuid::from_u128(2));
        Received::Event(Event { room: ROOM, seq: Seq(seq), at: UnixMillis(0), by, change })
    };
    let message = MessageId(Uuid::from_u128(701));
    let edited = Change::Edited(protocol::Edited {
        message,
        text: Some(Text("hello alice".into())),
        mentions: vec![alice().id],
        mentions_room: false,
    });
    assert!(!kept.take(vec![change(8, edited)]).recount);
    assert_eq!(kept.waiting(), (3, 1), "an edit brings a mention");
    assert!(!kept.take(vec![change(9, Change::Deleted { message })]).recount);
    assert_eq!(kept.waiting(), (2, 0), "what is deleted does not wait");
    let reply = protocol::Posted {
        thread: Some(MessageId(Uuid::from_u128(1004))),
        ..protocol::Posted::new(MessageId(Uuid::from_u128(900)), Text("in a thread".into()))
    };
    kept.take(vec![change(10, Change::Posted(reply))]);
    assert_eq!(kept.waiting(), (2, 0), "a thread waits by itself");
    let unknown = Change::Deleted { message: MessageId(Uuid::from_u128(5555)) };
    assert!(kept.take(vec![change(11, unknown)]).recount, "only the host knows");
    assert!(kept.take(vec![Received::Event(posted(13, 1301, 2))]).recount, "something is missing");
    kept.take(vec![counted(0, 13, 13)]);
    assert_eq!(kept.waiting(), (0, 0));
}

#[test]
fn an_answer_in_a_thread_makes_it_longer_once() {
    let kept = Kept::new();
    let root = MessageId(Uuid::from_u128(1001));
    let reply = |seq: u64| {
        let posted = protocol::Posted {
            thread: Some(root),
            ..protocol::Posted::new(MessageId(Uuid::from_u128(seq.into())), Text("x".into()))
        };
        let by = MemberId(Uuid::from_u128(2));
        let change = Change::Posted(posted);
        Received::Event(Event { room: ROOM, seq: Seq(seq), at: UnixMillis(0), by, change })
    };
    kept.take(vec![stretch(1..=1)]);
    let outcome = kept.take(vec![reply(2), reply(3), reply(3)]);
    let replies = |diffs: &[(RoomId, TimelineDiff)]| {
        let about = diffs.iter().filter_map(|(_, diff)| match diff {
            TimelineDiff::Replace(line) => match &line.content {
                crate::timeline::Content::Message { about, .. } => Some(about.replies),
                _ => None,
            },
            _ => None,
        });
        about.collect::<Vec<_>>()
    };
    assert_eq!(replies(&outcome.diffs), [1, 2]);
    // The root as the host has it by then, and one more answer.
    let mut stands = posted(1, 1001, 2);
    if let Change::Posted(posted) = &mut stands.change {
        (posted.replies, posted.replied) = (2, Some(Seq(3)));
    }
    kept.take(vec![Received::Changed { room: ROOM, events: vec![stands], head: Seq(3) }]);
    assert_eq!(replies(&kept.take(vec![reply(4)]).diffs), [3]);
}

#[test]
fn a_sync_that_was_not_answered_is_asked_for_again_from_the_same_number() {
    let kept = Kept::new();
    let ask = || kept.write(unsure::ask).into_iter().map(|cursor| cursor.after.0).collect::<Vec<_>>();
    kept.take(vec![Received::Room(room(0))]);
    assert_eq!(ask(), [0]);
    kept.take(vec![stretch(1..=10), Received::Settled(ROOM)]);
    assert_eq!(ask(), [10]);
    // Newer ones come, the connection breaks, and what lies between may have changed what is held.
    kept.take(vec![stretch(90..=95)]);
    assert_eq!(ask(), [10]);
    kept.take(vec![Received::Settled(ROOM)]);
    assert_eq!(ask(), [95]);
}
