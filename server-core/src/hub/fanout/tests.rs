//! What a turn has gathered, and rights that end in the middle of it.

use std::sync::mpsc;

use protocol::{Change, Event, Seen, Seq, decode_server};
use uuid::Uuid;

use super::*;
use crate::hub::frame::texts_of;

const ROOM: RoomId = RoomId(Uuid::from_u128(1));

struct Listener {
    member: MemberId,
    device: DeviceId,
    outlet: Arc<Outlet>,
    seat: Seat,
}

fn listener(hub: &Arc<Hub>, number: u128) -> Listener {
    let (member, device) = (MemberId(Uuid::from_u128(number)), DeviceId(Uuid::from_u128(number)));
    let outlet = Arc::new(Outlet::new(1 << 20, None));
    let seat = hub.admit(member, device, [ROOM], Arc::clone(&outlet));
    Listener { member, device, outlet, seat }
}

fn tell(hub: &Hub, seq: u64) {
    let by = MemberId(Uuid::nil());
    let event = Event { room: ROOM, seq: Seq(seq), at: UnixMillis(0), by, change: Change::Archived };
    hub.tell_room(ROOM, Reply::Event { event });
}

/// The numbers heard so far, and 0 for anything else.
async fn heard(listener: &Listener) -> Vec<u64> {
    let mut written = Vec::new();
    let _ = std::future::poll_fn(|cx| listener.outlet.poll_write_out(cx, &mut written)).await;
    let number = |text| match decode_server(text).unwrap().reply {
        Reply::Event { event } => event.seq.0,
        _ => 0,
    };
    texts_of(&written).into_iter().map(number).collect()
}

#[tokio::test]
async fn whoever_leaves_within_a_turn_hears_what_was_gathered_before_and_nothing_after() {
    let hub = Hub::new(Arc::default());
    let [alice, bob] = [1, 2].map(|number| listener(&hub, number));
    hub.begin_turn();
    tell(&hub, 1);
    hub.answer(&bob.outlet, 9, Ok(Reply::Done));
    hub.leave(ROOM, bob.member);
    tell(&hub, 2);
    hub.tell_member(bob.member, None, Reply::RoomGone { room: ROOM });
    tell(&hub, 3);
    hub.end_turn();
    assert_eq!(heard(&alice).await, [1, 2, 3]);
    assert_eq!(heard(&bob).await, [1, 0, 0]);
}

#[tokio::test]
async fn whoever_is_ended_within_a_turn_hears_nothing_that_waits_and_nothing_after() {
    for whole in [true, false] {
        let hub = Hub::new(Arc::default());
        let [alice, bob] = [1, 2].map(|number| listener(&hub, number));
        hub.begin_turn();
        tell(&hub, 1);
        hub.answer(&bob.outlet, 9, Ok(Reply::Done));
        if whole {
            hub.end_member(bob.member, None);
        } else {
            hub.end_device(bob.member, bob.device, None);
        }
        tell(&hub, 2);
        hub.answer(&bob.outlet, 10, Ok(Reply::Done));
        hub.answer_in_order(&bob.outlet, 11, Ok(Reply::Done));
        bob.outlet.answer(12, Ok(Reply::Done));
        hub.end_turn();
        assert_eq!(heard(&alice).await, [1, 2]);
        assert!(bob.outlet.is_cut());
        assert_eq!(heard(&bob).await, [0; 0]);
        assert!(!alice.outlet.is_cut());
        drop(alice.seat);
    }
}

#[tokio::test]
async fn whoever_comes_within_a_turn_hears_only_what_is_told_after() {
    let hub = Hub::new(Arc::default());
    let alice = listener(&hub, 1);
    hub.begin_turn();
    tell(&hub, 1);
    let bob = listener(&hub, 2);
    tell(&hub, 2);
    hub.leave(ROOM, alice.member);
    hub.enter(ROOM, alice.member);
    tell(&hub, 3);
    hub.end_turn();
    assert_eq!(heard(&bob).await, [2, 3]);
    assert_eq!(heard(&alice).await, [1, 2, 3]);
}

#[tokio::test]
async fn the_last_answer_is_the_last_that_is_heard() {
    let hub = Hub::new(Arc::default());
    let bob = listener(&hub, 2);
    hub.begin_turn();
    tell(&hub, 1);
    hub.answer_last(&bob.outlet, 9, Reply::Done, CloseCode::SessionEnded);
    tell(&hub, 2);
    hub.end_turn();
    assert_eq!(heard(&bob).await, [1, 0]);
}

/// What was heard last of whether `member` is here.
async fn last_word(listener: &Listener, member: MemberId) -> Option<bool> {
    let mut written = Vec::new();
    let _ = std::future::poll_fn(|cx| listener.outlet.poll_write_out(cx, &mut written)).await;
    let word = |text| match decode_server(text).unwrap().reply {
        Reply::Presence { online, .. } if online.contains(&member) => Some(true),
        Reply::Presence { offline, .. } if offline.contains(&member) => Some(false),
        Reply::Seen { members } => members.iter().find(|seen| seen.member == member).map(|seen| seen.online),
        _ => None,
    };
    texts_of(&written).into_iter().filter_map(word).next_back()
}

#[tokio::test]
async fn no_answer_says_less_of_who_is_here_than_was_told_before_it() {
    let hub = Hub::new(Arc::default());
    let alice = listener(&hub, 1);
    let bob = MemberId(Uuid::from_u128(2));
    let ((begin, begun), (done, told)) = (mpsc::channel(), mpsc::channel());
    let hub = &hub;
    let bobs = std::thread::scope(|scope| {
        let comes = scope.spawn(move || {
            begun.recv().unwrap();
            let bobs = listener(hub, 2);
            hub.tell_presence(UnixMillis(0), LONGEST_PAUSE);
            let _ = done.send(());
            bobs
        });
        hub.answer_of_presence(&alice.outlet, 9, || {
            assert_eq!(hub.availability(bob), None);
            begin.send(()).unwrap();
            // He can't be told of before this is said, however long it takes.
            told.recv_timeout(Duration::from_millis(100)).unwrap_err();
            let (online, availability) = (false, Availability::default());
            Reply::Seen { members: vec![Seen { member: bob, online, availability, last_seen: None }] }
        });
        comes.join().unwrap()
    });
    assert_eq!(last_word(&alice, bob).await, Some(true));
    drop(bobs);
}

#[test]
fn presence_is_told_each_second_and_to_many_thousands_less_often_but_as_fast() {
    let after = |listeners, seconds| names_in_a_telling(listeners, Duration::from_secs(seconds));
    assert_eq!([after(0, 1), after(50, 1)], [Some(MOST_NAMES); 2]);
    assert_eq!(after(1_000, 1), Some(2_000));
    assert_eq!(after(4_000, 1), Some(500));
    assert_eq!([after(10_000, 1), after(10_000, 2)], [None, None]);
    assert_eq!(after(10_000, 3), Some(600));
    assert_eq!([after(19_000, 4), after(1_000_000, 4)], [None, None]);
    assert_eq!(after(19_000, 5), Some(526));
    assert_eq!(after(19_000, 500), Some(526), "a long silence is not made up for at once");
    assert_eq!(after(1_000_000, 5), Some(FEWEST_NAMES));
}
