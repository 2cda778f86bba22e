use proptest::prelude::*;
use protocol::{Text, UnixMillis};
use uuid::Uuid;

use super::*;

const ROOM: RoomId = RoomId(Uuid::from_u128(1));
const ALICE: MemberId = MemberId(Uuid::from_u128(10));
const BOB: MemberId = MemberId(Uuid::from_u128(11));

fn message(number: u128) -> MessageId {
    MessageId(Uuid::from_u128(1000 + number))
}

fn text(number: u128) -> String {
    format!("message {number}")
}

fn posted(seq: u64, by: MemberId, number: u128) -> Event {
    let change = Change::posted(message(number), Text(text(number)));
    Event { room: ROOM, seq: Seq(seq), at: UnixMillis(0), by, change }
}

/// A host that keeps every promise: takes sends in order, acknowledges some, and everyone reads the same.
fn faithful(senders: &[bool], acknowledges: &[bool], stores: &[bool]) -> (Ledger, Vec<Event>) {
    let mut ledger = Ledger::default();
    let mut log = Vec::new();
    for (number, &alice) in senders.iter().enumerate() {
        let (by, id) = (if alice { ALICE } else { BOB }, number as u128);
        ledger.sent(by, ROOM, message(id), &text(id));
        let acknowledged = acknowledges.get(number).copied().unwrap_or(true);
        if acknowledged || stores.get(number).copied().unwrap_or(true) {
            log.push(posted(log.len() as u64 + 1, by, id));
        }
        if acknowledged {
            ledger.acknowledged(message(id), ROOM, Seq(log.len() as u64));
        }
    }
    read_by_both(&mut ledger, &log);
    (ledger, log)
}

fn read_by_both(ledger: &mut Ledger, log: &[Event]) {
    ledger.read_whole(ALICE, ROOM, log);
    ledger.read_whole(BOB, ROOM, log);
}

fn three() -> (Ledger, Vec<Event>) {
    faithful(&[true, false, true], &[true; 3], &[true; 3])
}

fn breaks(ledger: &Ledger, rule: fn(&Violation) -> bool) -> bool {
    ledger.violations().iter().any(rule)
}

#[test]
fn a_faithful_host_breaks_no_rule() {
    let (ledger, _) = three();
    assert_eq!(ledger.violations(), []);
    assert_eq!(ledger.counts(), Counts { sent: 3, acknowledged: 3, read: 6, heard: 0 });
}

#[test]
fn an_acknowledged_message_that_is_gone_is_lost() {
    let (mut ledger, log) = three();
    read_by_both(&mut ledger, &log[..2]);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Lost { .. })));
}

#[test]
fn a_message_that_stands_twice_is_doubled() {
    let (mut ledger, mut log) = three();
    log.push(posted(4, ALICE, 2));
    read_by_both(&mut ledger, &log);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Doubled { .. })));
}

#[test]
fn an_unacknowledged_message_may_not_stand_twice_either() {
    let (mut ledger, mut log) = faithful(&[true], &[false], &[true]);
    log.push(posted(2, ALICE, 0));
    read_by_both(&mut ledger, &log);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Doubled { .. })));
}

#[test]
fn another_body_is_a_change() {
    let (mut ledger, mut log) = three();
    log[1].change = Change::posted(message(1), Text("something else".into()));
    read_by_both(&mut ledger, &log);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Changed { .. })));
}

#[test]
fn another_number_than_the_acknowledged_one_is_a_move() {
    let (mut ledger, log) = faithful(&[true, false], &[true; 2], &[true; 2]);
    let swapped = [posted(1, BOB, 1), posted(2, ALICE, 0)];
    assert_ne!(log, swapped);
    read_by_both(&mut ledger, &swapped);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Moved { .. })));
}

#[test]
fn another_sender_is_a_misattribution() {
    let (mut ledger, mut log) = three();
    log[0].by = BOB;
    read_by_both(&mut ledger, &log);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Misattributed { .. })));
}

#[test]
fn a_message_nobody_sent_is_invented() {
    let (mut ledger, mut log) = three();
    log.push(posted(4, ALICE, 99));
    read_by_both(&mut ledger, &log);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Invented { .. })));
    let mut ledger = three().0;
    ledger.acknowledged(message(99), ROOM, Seq(9));
    assert!(breaks(&ledger, |found| matches!(found, Violation::Invented { .. })));
}

#[test]
fn two_numbers_for_one_message_contradict() {
    let (mut ledger, _) = three();
    ledger.acknowledged(message(0), ROOM, Seq(3));
    assert!(breaks(&ledger, |found| matches!(found, Violation::AcknowledgedTwoWays { .. })));
    let mut same_answer_again = three().0;
    same_answer_again.acknowledged(message(0), ROOM, Seq(1));
    assert_eq!(same_answer_again.violations(), []);
}

#[test]
fn a_sender_is_not_reordered() {
    let (mut ledger, _) = faithful(&[true, true], &[false; 2], &[true; 2]);
    read_by_both(&mut ledger, &[posted(1, ALICE, 1), posted(2, ALICE, 0)]);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Reordered { .. })));
}

#[test]
fn numbers_have_no_gap_and_do_not_repeat() {
    for seq in [2, 4] {
        let (mut ledger, mut log) = three();
        log[2].seq = Seq(seq);
        read_by_both(&mut ledger, &log);
        assert!(breaks(&ledger, |found| matches!(found, Violation::Gap { .. })));
    }
}

#[test]
fn all_read_the_same() {
    let (mut ledger, mut log) = faithful(&[true, true], &[false; 2], &[true; 2]);
    log.pop();
    ledger.read_whole(BOB, ROOM, &log);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Disagreement { .. })));
}

#[test]
fn what_was_heard_stays() {
    let (mut ledger, log) = three();
    ledger.heard(BOB, &log[1]);
    assert_eq!(ledger.violations(), []);
    ledger.heard(BOB, &posted(4, ALICE, 2));
    assert!(breaks(&ledger, |found| matches!(found, Violation::HeardThenGone { .. })));
}

#[test]
fn merged_ledgers_judge_like_one() {
    let (mut ledger, log) = three();
    let mut bobs = Ledger::default();
    bobs.sent(BOB, ROOM, message(3), &text(3));
    bobs.acknowledged(message(3), ROOM, Seq(4));
    ledger.merge(bobs);
    assert!(breaks(&ledger, |found| matches!(found, Violation::Lost { .. })));
    read_by_both(&mut ledger, &[log, vec![posted(4, BOB, 3)]].concat());
    assert_eq!(ledger.violations(), []);
}

proptest! {
    #[test]
    fn no_faithful_history_is_accused(
        senders in prop::collection::vec(any::<bool>(), 0..40),
        acknowledges in prop::collection::vec(any::<bool>(), 40),
        stores in prop::collection::vec(any::<bool>(), 40),
    ) {
        let (ledger, _) = faithful(&senders, &acknowledges, &stores);
        prop_assert_eq!(ledger.violations(), []);
    }

    #[test]
    fn every_single_loss_of_an_acknowledged_message_is_found(
        senders in prop::collection::vec(any::<bool>(), 1..40),
        lost in any::<prop::sample::Index>(),
    ) {
        let (mut ledger, mut log) = faithful(&senders, &[true; 40], &[true; 40]);
        let lost = lost.index(log.len());
        log.remove(lost);
        // A host that forgot would hand the numbers out again, so that no gap shows.
        for (event, seq) in log.iter_mut().zip(1..) {
            event.seq = Seq(seq);
        }
        read_by_both(&mut ledger, &log);
        let lost = breaks(&ledger, |found| matches!(found, Violation::Lost { .. }));
        prop_assert!(lost);
    }

    #[test]
    fn every_swap_of_two_messages_is_found(
        senders in prop::collection::vec(any::<bool>(), 2..40),
        (one, other) in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let (mut ledger, mut log) = faithful(&senders, &[true; 40], &[true; 40]);
        let (one, other) = (one.index(log.len()), other.index(log.len()));
        prop_assume!(one != other);
        log.swap(one, other);
        for (event, seq) in log.iter_mut().zip(1..) {
            event.seq = Seq(seq);
        }
        read_by_both(&mut ledger, &log);
        prop_assert!(!ledger.violations().is_empty());
    }
}
