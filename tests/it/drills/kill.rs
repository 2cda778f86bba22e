//! `kill -9` of the host under several senders: the ledger holds, and it fails when commits come too late.

use tests::crowd::{self, Crowd};
use tests::drill::Drill;
use tests::ledger::{Ledger, Violation};
use tests::world::{HostPlan, World, program};

/// A loss needs the kill to hit between an acknowledgement and its commit; by then it has.
const ROUNDS_OF_THE_CONTROL: u32 = 100;
/// Messages a sender has on the way at once.
const WINDOW: usize = 8;

#[test]
fn a_host_killed_under_load_loses_and_doubles_nothing() {
    let mut drill = Drill::begin("kill", 20, 200);
    let (rounds, ledger, found) = kill(&mut drill, "hearth-server");
    let counts = ledger.counts();
    drill.say(format_args!("{counts:?}, {} violations", found.len()));
    assert_eq!(found, []);
    assert_eq!(rounds, drill.rounds);
    assert!(ledger.unacknowledged().is_empty(), "every message was sent again until it was acknowledged");
    assert!(counts.acknowledged >= 20 * rounds as usize && counts.heard > counts.acknowledged, "{counts:?}");
}

#[test]
fn a_host_that_acknowledges_before_it_commits_is_caught() {
    let mut drill = Drill::begin("kill-control", ROUNDS_OF_THE_CONTROL, ROUNDS_OF_THE_CONTROL);
    let (rounds, _, found) = kill(&mut drill, "hearth-server-too-early");
    drill.say(format_args!("the control was caught in round {rounds} with {} violations", found.len()));
    assert!(found.iter().any(|violation| matches!(violation, Violation::Lost { .. })), "{found:?}");
}

/// Rounds of sending, killing, starting and comparing, until one shows a violation.
fn kill(drill: &mut Drill, binary: &str) -> (u32, Ledger, Vec<Violation>) {
    let world = World::new().unwrap();
    let host = world.host("studio").start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    let plan = HostPlan { program: program(binary), ..host.stop().unwrap() };
    let mut host = plan.start().unwrap();
    for round in 1..=drill.rounds {
        let crowd = Crowd::begin(host.address(), &mut senders, WINDOW);
        // Enough acknowledgements, and then at no particular moment.
        crowd.reach(20 + drill.dice.below(256)).unwrap();
        let plan = host.kill().unwrap();
        senders = crowd.end();
        host = plan.start().unwrap();
        let ledger = crowd::everything_read(host.address(), &senders, 1).unwrap();
        let found = ledger.violations();
        if !found.is_empty() {
            return (round, ledger, found);
        }
        drill.after_round(round, format_args!("{:?}", ledger.counts()));
    }
    crowd::deliver_what_is_open(host.address(), &mut senders).unwrap();
    let ledger = crowd::everything_read(host.address(), &senders, senders.len()).unwrap();
    let found = ledger.violations();
    (drill.rounds, ledger, found)
}
