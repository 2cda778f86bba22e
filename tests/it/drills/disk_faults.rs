//! A disk that fails: an error, a short write or no space at some write or sync, under load, at a start and at the very
//! first one. What was sent after a failed sync is never acknowledged, the reason is said, and no empty vault takes the
//! place of one that does not open.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tests::crowd::{self, Crowd};
use tests::drill::{Dice, Drill};
use tests::faults::{Fault, Faults};
use tests::wait;
use tests::world::{Host, HostPlan, World};

/// What is said of a failed disk wherever it is said.
const REASON: &str = "the disk failed";
const COME_BACK: u16 = 4000;

#[test]
fn nothing_is_acknowledged_after_the_disk_failed() {
    let mut drill = Drill::begin("fsync", 5, 100);
    let world = World::new().unwrap();
    let faults = Faults::build(world.folder()).unwrap();
    let host = faults.before(world.host("studio")).start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    let mut host = Some(host);
    let (mut ended, mut recovered) = (0, 0);
    for round in 1..=drill.rounds {
        let fault = Fault::HONEST[round as usize % Fault::HONEST.len()];
        let running = host.take().unwrap();
        let (mut witness, _) = senders[0].connect(running.address()).unwrap();
        let crowd = Crowd::begin(running.address(), &mut senders, 1);
        crowd.reach(4 + drill.dice.below(20)).unwrap();
        faults.arm(fault, 1 + u32::try_from(drill.dice.below(40)).unwrap()).unwrap();
        wait::until("the fault", || (faults.done().unwrap() > 0).then_some(())).unwrap();
        crowd.progress.broken.store(true, Ordering::SeqCst);
        let plan = if matches!(fault, Fault::WriteFindsNoSpace | Fault::WriteIsShort) {
            // That is a full disk, and it passes.
            let before = crowd.progress.acknowledged.load(Ordering::SeqCst);
            crowd.reach(before + 8).unwrap();
            recovered += 1;
            senders = crowd.end();
            running.stop().unwrap()
        } else {
            assert_eq!(witness.hear_end().unwrap(), Some(COME_BACK));
            // It waits a while for who was told to go and stays.
            drop(witness);
            let (plan, status) = running.ended().unwrap();
            assert_eq!(status.code(), Some(1), "{fault:?}");
            let log = plan.log().unwrap();
            assert!(log.lines().next_back().unwrap_or_default().contains(REASON), "{fault:?}: {log}");
            ended += 1;
            let late = crowd.progress.after_broken.load(Ordering::SeqCst);
            assert_eq!(late, 0, "{fault:?}: sent after the disk had failed, and acknowledged");
            senders = crowd.end();
            plan
        };
        faults.disarm().unwrap();
        let started = plan.start().unwrap();
        let ledger = crowd::everything_read(started.address(), &senders, 1).unwrap();
        assert_eq!(ledger.violations(), [], "{fault:?}");
        drill.after_round(round, format_args!("{fault:?}, {:?}", ledger.counts()));
        host = Some(started);
    }
    let host = host.unwrap();
    crowd::deliver_what_is_open(host.address(), &mut senders).unwrap();
    let ledger = crowd::everything_read(host.address(), &senders, senders.len()).unwrap();
    drill.say(format_args!(
        "{ended} ends with the reason, {recovered} went on, {:?}, {} violations",
        ledger.counts(),
        ledger.violations().len()
    ));
    assert_eq!(ledger.violations(), []);
}

#[test]
fn a_failed_sync_that_is_not_noticed_is_caught() {
    let drill = Drill::begin("fsync-control", 1, 1);
    let world = World::new().unwrap();
    let faults = Faults::build(world.folder()).unwrap();
    let host = faults.before(world.host("studio")).start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    let crowd = Crowd::begin(host.address(), &mut senders, 1);
    faults.arm(Fault::SyncLies, 10).unwrap();
    wait::until("the fault", || (faults.done().unwrap() > 0).then_some(())).unwrap();
    crowd.progress.broken.store(true, Ordering::SeqCst);
    let late = || crowd.progress.after_broken.load(Ordering::SeqCst);
    wait::until("what may not be", || (late() > 0).then_some(())).unwrap();
    drill.say(format_args!(
        "a host that does not see its failed sync was caught with {} late acknowledgements",
        late()
    ));
    drop(crowd.end());
}

#[test]
fn a_disk_that_fails_at_a_start_leaves_the_vault_as_it_was() {
    let mut drill = Drill::begin("fsync-start", 10, 100);
    let world = World::new().unwrap();
    let faults = Faults::build(world.folder()).unwrap();
    let host = faults.before(world.host("studio")).start().unwrap();
    let id = host.listening()["host_id"].clone();
    let mut senders = crowd::gather(&host).unwrap();
    let crowd = Crowd::begin(host.address(), &mut senders, 4);
    crowd.reach(50).unwrap();
    let mut plan = host.kill().unwrap();
    senders = crowd.end();
    let (mut refused, mut met) = (0, 0);
    // A start that replays a log writes little.
    let mut steps = Steps { syncs: 1, writes: 1 };
    for round in 1..=drill.rounds {
        let fault = Fault::HONEST[round as usize % Fault::HONEST.len()];
        faults.arm(fault, steps.one_of(fault, &mut drill.dice)).unwrap();
        refused += u32::from(refuses_or_serves(&plan));
        met += faults.done().unwrap();
        faults.disarm().unwrap();
        let before = faults.seen().unwrap();
        let host = plan.start().unwrap();
        steps = Steps::between(before, faults.seen().unwrap());
        assert_eq!(host.listening()["host_id"], id, "{fault:?}");
        let ledger = crowd::everything_read(host.address(), &senders, 1).unwrap();
        assert_eq!(ledger.violations(), [], "{fault:?}");
        drill.after_round(round, fault_word(fault));
        // Killed, so that the next start finds a log to replay.
        let crowd = Crowd::begin(host.address(), &mut senders, 4);
        crowd.reach(8).unwrap();
        plan = host.kill().unwrap();
        senders = crowd.end();
    }
    drill.say(format_args!("{met} faults met, {refused} starts refused with a reason, none made a new host; a whole start has {steps:?}"));
}

#[test]
fn a_disk_that_fails_at_the_first_start_leaves_nothing_that_passes_for_a_host() {
    let mut drill = Drill::begin("fsync-first", 10, 100);
    let world = World::new().unwrap();
    let faults = Faults::build(world.folder()).unwrap();
    let (mut refused, mut met) = (0, 0);
    drop(faults.before(world.host("first")).start().unwrap());
    let steps = Steps::between((0, 0), faults.seen().unwrap());
    for round in 1..=drill.rounds {
        let fault = Fault::HONEST[round as usize % Fault::HONEST.len()];
        let plan = faults.before(world.host(&format!("first-{round}")));
        faults.arm(fault, steps.one_of(fault, &mut drill.dice)).unwrap();
        refused += u32::from(refuses_or_serves(&plan));
        met += faults.done().unwrap();
        faults.disarm().unwrap();
        let host = plan.start().unwrap();
        assert!(host.owner_link().is_ok(), "{fault:?}: whoever comes first can still own it");
        let senders = crowd::gather(&host).unwrap();
        let ledger = crowd::everything_read(host.address(), &senders, 1).unwrap();
        assert_eq!(ledger.violations(), [], "{fault:?}");
        drill.after_round(round, fault_word(fault));
    }
    drill.say(format_args!("{met} faults met, {refused} first starts refused with a reason, every next one made a whole host; one has {steps:?}"));
}

/// How many syncs and writes a start has.
#[derive(Debug, Clone, Copy)]
struct Steps {
    syncs: i64,
    writes: i64,
}

impl Steps {
    fn between(before: (i64, i64), after: (i64, i64)) -> Self {
        Self { syncs: (after.0 - before.0).max(1), writes: (after.1 - before.1).max(1) }
    }

    /// One of those that `fault` is about, counted from 1.
    fn one_of(self, fault: Fault, dice: &mut Dice) -> u32 {
        let of_syncs = matches!(fault, Fault::SyncFails | Fault::SyncFindsNoSpace);
        let count = if of_syncs { self.syncs } else { self.writes };
        1 + u32::try_from(dice.below(usize::try_from(count).unwrap())).unwrap()
    }
}

fn fault_word(fault: Fault) -> String {
    format!("{fault:?}")
}

/// Starts under a fault: whether it refused. If so it says why, and if not, it serves or ends saying why.
fn refuses_or_serves(plan: &HostPlan) -> bool {
    let before = plan.log().unwrap_or_default().len();
    match plan.clone().start() {
        Ok(host) => {
            // What failed may be noticed a moment after.
            thread::sleep(Duration::from_millis(20));
            drop(end(host));
            false
        }
        Err(_) => {
            let log = plan.log().unwrap();
            let said = log[before..].lines().next_back().unwrap_or_default();
            assert!(said.starts_with("hearth-server: ") && said.len() > 40, "no reason: {said:?}");
            assert!(!said.contains("panicked"), "{said}");
            true
        }
    }
}

fn end(host: Host) -> Option<HostPlan> {
    host.kill().ok()
}
