//! Power loss: the file system as it stands on the disk under a host that is stopped in the middle of its work, mounted
//! and served by another. What had been acknowledged is there.
//!
//! The disk is a file with an ext4 on it. What the system has not yet written to it is lost, so unlike `kill -9` this
//! drill sees whether anything is synced at all.

use tests::crowd::{self, Crowd};
use tests::disk::Image;
use tests::drill::{Drill, may_mount};
use tests::faults::{Fault, Faults};
use tests::ledger::Violation;
use tests::world::{HostPlan, World, program};

/// In MiB.
const DISK: u64 = 48;
/// Cuts of one host; then a fresh one begins, so that the first moments of a host are cut too.
const CUTS: u32 = 10;
/// A host that does not sync is caught long before.
const ROUNDS_OF_THE_CONTROL: u32 = 10;

/// How a host begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// By itself, from nothing.
    Alone,
    /// As another host left it, so that a control loses messages and not the whole host.
    Well,
}

/// What stood on the disk after a cut.
enum Found {
    /// Everything.
    All,
    /// Something else than was acknowledged.
    Violations(Vec<Violation>),
    /// Nothing that can be served or read any more.
    Nothing(String),
}

#[test]
fn power_that_goes_takes_nothing_acknowledged_with_it() {
    let mut drill = Drill::begin("power", 6, 200);
    if !may_mount("power loss") {
        return;
    }
    let (cuts, sent, found) = cut(&mut drill, Begins::Alone, |plan| plan);
    match found {
        Found::All => drill.say(format_args!("{cuts} cuts, {sent} messages sent, 0 violations")),
        Found::Violations(found) => panic!("at cut {cuts}: {found:?}"),
        Found::Nothing(why) => panic!("at cut {cuts}: {why}"),
    }
    assert_eq!(cuts, drill.rounds);
}

#[test]
fn a_host_without_synchronous_writes_loses_messages_with_the_power() {
    let mut drill = Drill::begin("power-control", ROUNDS_OF_THE_CONTROL, ROUNDS_OF_THE_CONTROL);
    if !may_mount("the control of power loss") {
        return;
    }
    let unsynchronised = program("hearth-server-too-early");
    let (cuts, _, found) =
        cut(&mut drill, Begins::Well, |plan| HostPlan { program: unsynchronised.clone(), ..plan });
    caught(&drill, "`synchronous=OFF`", cuts, &found);
}

#[test]
fn a_disk_that_only_says_that_it_syncs_loses_messages_with_the_power() {
    let mut drill = Drill::begin("power-control-disk", ROUNDS_OF_THE_CONTROL, ROUNDS_OF_THE_CONTROL);
    if !may_mount("the control of power loss") {
        return;
    }
    let world = World::new().unwrap();
    let faults = Faults::build(world.folder()).unwrap();
    faults.arm(Fault::NoSync, 0).unwrap();
    let (cuts, _, found) = cut(&mut drill, Begins::Well, |plan| faults.before(plan));
    caught(&drill, "a disk that only says that it syncs", cuts, &found);
}

fn caught(drill: &Drill, control: &str, cuts: u32, found: &Found) {
    let what = match found {
        Found::All => panic!("{control} was not caught in {cuts} cuts"),
        Found::Violations(found) => format!("{} violations", found.len()),
        Found::Nothing(why) => why.lines().next_back().unwrap_or_default().to_owned(),
    };
    drill.say(format_args!("{control} was caught at cut {cuts}: {what}"));
}

/// Rounds of sending and cutting, until one shows a loss: how many cuts, messages sent, and what was found.
fn cut(drill: &mut Drill, begins: Begins, prepare: impl Fn(HostPlan) -> HostPlan) -> (u32, usize, Found) {
    let (mut cuts, mut sent) = (0, 0);
    while cuts < drill.rounds {
        // In memory, where a copy costs little.
        let world = World::in_memory().unwrap();
        let plan = world.host("studio");
        let mut image = Image::make(&world.folder().join("disk"), DISK).unwrap();
        let mut disk = image.mount(&plan.data()).unwrap();
        let alone = begins == Begins::Alone;
        let mut host = if alone { prepare(plan).start().unwrap() } else { plan.start().unwrap() };
        let mut senders = crowd::gather(&host).unwrap();
        if !alone {
            host = prepare(host.stop().unwrap()).start().unwrap();
        }
        for _ in 0..CUTS.min(drill.rounds - cuts) {
            let crowd = Crowd::begin(host.address(), &mut senders, 4);
            crowd.reach(drill.dice.below(200)).unwrap();
            host.freeze(true).unwrap();
            let next = image.cut(&world.folder().join(format!("disk-{cuts}"))).unwrap();
            // All that it had told anyone it had told before it was stopped.
            let plan = host.kill().unwrap();
            senders = crowd.end();
            drop(disk);
            image.remove().unwrap();
            image = next;
            disk = image.mount(&plan.data()).unwrap();
            cuts += 1;
            host = match plan.start() {
                Ok(host) => host,
                Err(error) => return (cuts, sent, Found::Nothing(format!("{error:#}"))),
            };
            match crowd::everything_read(host.address(), &senders, 1).map(|ledger| ledger.violations()) {
                Ok(found) if found.is_empty() => {}
                Ok(found) => return (cuts, sent, Found::Violations(found)),
                Err(error) => return (cuts, sent, Found::Nothing(format!("{error:#}"))),
            }
            drill.after_round(cuts, "nothing lost");
        }
        crowd::deliver_what_is_open(host.address(), &mut senders).unwrap();
        let ledger = crowd::everything_read(host.address(), &senders, senders.len()).unwrap();
        assert_eq!(ledger.violations(), []);
        sent += ledger.counts().sent;
        drop(host);
        drop(disk);
    }
    (cuts, sent, Found::All)
}
