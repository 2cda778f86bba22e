//! Counting along says what counting anew says, whatever is posted, edited and deleted.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const ME: MemberId = MemberId(Uuid::from_u128(1));
const BLOCKED: MemberId = MemberId(Uuid::from_u128(2));

fn thread() -> MessageId {
    MessageId(Uuid::from_u128(99))
}

/// A message by one of four, which may be mine, blocked, deleted, in a thread, and mention me.
fn message() -> impl Strategy<Value = (MemberId, Posted)> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (1u128..5, flags).prop_map(|(by, (mine, room, deleted, threaded))| {
        let posted = Posted {
            mentions: if mine { vec![ME] } else { Vec::new() },
            mentions_room: room,
            deleted,
            thread: threaded.then(thread),
            ..Posted::new(MessageId(Uuid::from_u128(7)), "x".into())
        };
        (MemberId(Uuid::from_u128(by)), posted)
    })
}

fn attention() -> impl Strategy<Value = Attention> {
    prop_oneof![Just(Attention::All), Just(Attention::Mentions), Just(Attention::Nothing)]
}

/// Counts all of a log after a mark, one by one.
fn naive(
    log: &[(MemberId, Posted)],
    mark: Seq,
    within: Option<MessageId>,
    attention: Attention,
) -> (u32, u32) {
    let (mut messages, mut mentions) = (0, 0);
    for (seq, (by, posted)) in (1..).map(Seq).zip(log) {
        if seq <= mark || *by == ME || *by == BLOCKED || posted.deleted || posted.thread != within {
            continue;
        }
        let mentioned = posted.mentions_room || posted.mentions.contains(&ME);
        messages += u32::from(attention == Attention::All || (attention == Attention::Mentions && mentioned));
        mentions += u32::from(attention != Attention::Nothing && mentioned);
    }
    (messages, mentions)
}

fn progress(mark: Seq, attention: Attention) -> (Progress, ThreadProgress) {
    let room = RoomId(Uuid::nil());
    let (message, at) = (thread(), UnixMillis(0));
    let head = Seq::ZERO;
    let of_room = Progress { room, mark, marked: 0, attention, unread: 0, mentions: 0, head };
    let of_thread = ThreadProgress {
        room,
        message,
        followed: true,
        mark,
        unread: 0,
        mentions: 0,
        replies: 0,
        newest: message,
        at,
        head,
    };
    (of_room, of_thread)
}

proptest! {
    #[test]
    fn counting_along_is_counting_anew(
        mut log in prop::collection::vec(message(), 1..30),
        changes in prop::collection::vec((any::<prop::sample::Index>(), message()), 0..30),
        mark in 0u64..12,
        attention in attention(),
    ) {
        let mark = Seq(mark);
        let (mut room, mut threaded) = progress(mark, attention);
        for (seq, (by, posted)) in (1..).map(Seq).zip(&log) {
            let heard = Heard { seq, by: *by, blocked: *by == BLOCKED, before: None, now: posted };
            prop_assert!(room.take(ME, heard) && threaded.take(ME, attention, heard));
        }
        for (index, (_, mut changed)) in changes {
            let at = index.index(log.len());
            let (by, before) = log[at].clone();
            changed.thread = before.thread;
            let seq = Seq(at as u64 + 1);
            let heard = Heard { seq, by, blocked: by == BLOCKED, before: Some(&before), now: &changed };
            prop_assert!(room.take(ME, heard) && threaded.take(ME, attention, heard));
            log[at] = (by, changed);
        }
        prop_assert_eq!((room.unread, room.mentions), naive(&log, mark, None, attention));
        prop_assert_eq!((threaded.unread, threaded.mentions), naive(&log, mark, Some(thread()), attention));
    }

    #[test]
    fn what_waits_is_bounded_and_never_more_mentions_than_messages(
        messages in 0u64..5_000, mentions in 0u64..5_000, attention in attention(),
    ) {
        let (unread, mentioned) = waiting(Weight { messages, mentions }, attention);
        prop_assert!(mentioned <= unread && unread <= UNREAD);
        if attention == Attention::All {
            prop_assert_eq!(u64::from(unread), messages.min(u64::from(UNREAD)));
        }
    }
}

#[test]
fn a_full_count_that_becomes_less_is_not_sure() {
    let (mut room, _) = progress(Seq::ZERO, Attention::All);
    room.unread = UNREAD;
    let by = MemberId(Uuid::from_u128(3));
    let before = Posted::new(MessageId(Uuid::from_u128(7)), "x".into());
    let now = Posted { deleted: true, ..before.clone() };
    let seq = Seq(5);
    assert!(room.take(ME, Heard { seq, by, blocked: false, before: None, now: &before }));
    assert_eq!(room.unread, UNREAD);
    assert!(!room.take(ME, Heard { seq, by, blocked: false, before: Some(&before), now: &now }));
}
