//! The host's clock set back and forth by days while several post: the order is the numbers', sessions go on, nobody is
//! cut off. Times are labels.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::{Reply, Request};
use tests::crowd::{self, Crowd, Sender};
use tests::drill::Drill;
use tests::faults::Faults;
use tests::world::{Host, World};

const DAY: i64 = 24 * 60 * 60;

#[test]
fn a_clock_that_jumps_by_days_changes_neither_order_nor_sessions() {
    let mut drill = Drill::begin("clock", 4, 60);
    let world = World::new().unwrap();
    let faults = Faults::build(world.folder()).unwrap();
    let mut host = faults.before(world.host("studio")).start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    let mut ahead = 0;
    let mut furthest = 0;
    for round in 1..=drill.rounds {
        let crowd = Crowd::begin(host.address(), &mut senders, 4);
        crowd.reach(20).unwrap();
        // Now and then years, so that what has an end of its own would meet it.
        let span = if drill.dice.below(4) == 0 { 800 } else { 10 };
        let days = i64::try_from(drill.dice.below(2 * span + 1)).unwrap() - i64::try_from(span).unwrap();
        ahead = days * DAY;
        furthest = furthest.max(days.abs());
        faults.set_clock(ahead).unwrap();
        let acknowledged = crowd.progress.acknowledged.load(Ordering::SeqCst);
        crowd.reach(acknowledged + 40).unwrap();
        assert!(crowd.all_there(), "a jump of {days} days cut somebody off");
        senders = crowd.end();
        assert!((label_ahead(&host, &senders[0]) - ahead).abs() < DAY / 24, "the clock did not jump");
        if round % 3 == 0 {
            host = host.stop().unwrap().start().unwrap();
        }
        // Everyone is let in by their session under any clock.
        let ledger = crowd::everything_read(host.address(), &senders, senders.len()).unwrap();
        assert_eq!(ledger.violations(), [], "after {days} days");
        drill.after_round(round, format_args!("{days} days, {:?}", ledger.counts()));
    }
    crowd::deliver_what_is_open(host.address(), &mut senders).unwrap();
    let ledger = crowd::everything_read(host.address(), &senders, senders.len()).unwrap();
    drill.say(format_args!(
        "jumps of up to {furthest} days, the last {} days ahead, {:?}, {} violations",
        ahead / DAY,
        ledger.counts(),
        ledger.violations().len()
    ));
    assert_eq!(ledger.violations(), []);
}

/// How many seconds the newest event's label is ahead of this computer's clock.
fn label_ahead(host: &Host, sender: &Sender) -> i64 {
    let (mut link, _) = sender.connect(host.address()).unwrap();
    let newest = Request::History { room: sender.room, before: None, after: None, limit: 1 };
    let Reply::History(page) = link.ask(newest).unwrap() else { panic!("no history") };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    page.events[0].at.0 / 1000 - i64::try_from(now).unwrap()
}
