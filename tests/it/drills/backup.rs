//! Backups of a host that several are posting to, each restored elsewhere. A restored host has everything acknowledged
//! before its backup was asked for and is the beginning of the host's own log; the backup of a host at rest, and the
//! backup of a restored one, export the same bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use serde_json::Value;
use tests::crowd::{self, Crowd};
use tests::drill::Drill;
use tests::world::{Host, HostPlan, World};

#[test]
fn a_backup_under_load_is_the_beginning_of_the_log_and_one_at_rest_is_all_of_it() {
    let mut drill = Drill::begin("backup", 2, 20);
    let world = World::new().unwrap();
    let host = world.host("studio").start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    let (mut bytes, mut events, mut acknowledged) = (0, 0, 0);
    let mut restored_plan = None;
    for round in 1..=drill.rounds {
        let crowd = Crowd::begin(host.address(), &mut senders, 4);
        crowd.reach(20 + drill.dice.below(200)).unwrap();
        let before = acknowledged + crowd.progress.acknowledged.load(Ordering::SeqCst);
        let busy = Copied::of(&world, host.plan(), &format!("busy-{round}"));
        assert!(crowd.all_there(), "a backup cut somebody off");
        senders = crowd.end();
        acknowledged = senders.iter().map(|sender| sender.ledger.counts().acknowledged).sum();
        let live = export(host.plan());
        is_the_beginning(&busy.export, &live);
        let posted = busy.export.lines().filter(|line| line.contains("\"kind\":\"posted\"")).count();
        assert!(posted >= before, "{before} were acknowledged before the backup, {posted} are in it");
        // A backup of what was restored is that again.
        assert_eq!(Copied::of(&world, &busy.plan, &format!("again-{round}")).export, busy.export);
        // And at rest: running, and restored, to the byte.
        let rest = Copied::of(&world, host.plan(), &format!("rest-{round}"));
        assert_eq!(rest.export, live);
        bytes += live.len();
        events += live.lines().count();
        drill.after_round(round, format_args!("{events} lines equal"));
        restored_plan = Some(rest.plan);
    }
    drill.say(format_args!("{} restored copies, {events} lines and {bytes} bytes equal", 3 * drill.rounds));
    goes_on_elsewhere(host, restored_plan.unwrap(), &mut senders);
}

/// The restored host lets everyone in by their session, with all they had, and goes on.
fn goes_on_elsewhere(host: Host, restored: HostPlan, senders: &mut Vec<crowd::Sender>) {
    let id = host.listening()["host_id"].clone();
    host.kill().unwrap();
    let host = restored.start().unwrap();
    assert_eq!(host.listening()["host_id"], id);
    let crowd = Crowd::begin(host.address(), senders, 4);
    crowd.reach(20).unwrap();
    *senders = crowd.end();
    let ledger = crowd::everything_read(host.address(), senders, senders.len()).unwrap();
    assert_eq!(ledger.violations(), []);
}

/// A restored copy of a host, and its export.
struct Copied {
    plan: HostPlan,
    export: String,
}

impl Copied {
    fn of(world: &World, plan: &HostPlan, name: &str) -> Self {
        let to: PathBuf = world.folder().join(format!("backup-{name}"));
        let said = plan.run("backup", &[&to]).unwrap();
        assert_eq!(said.code, Some(0), "{said:?}");
        let copy = world.host(name);
        let said = copy.run("restore", &[&to]).unwrap();
        assert_eq!(said.code, Some(0), "{said:?}");
        let export = export(&copy);
        Self { plan: copy, export }
    }
}

fn export(plan: &HostPlan) -> String {
    let said = plan.run("export", &["--canonical"]).unwrap();
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.out
}

/// Every event of `part` stands in `whole`, and of each room they are the first ones, byte for byte.
fn is_the_beginning(part: &str, whole: &str) {
    let (part, whole) = (by_room(part), by_room(whole));
    assert_eq!(part.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    for (room, lines) in part {
        assert_eq!(lines[..], whole[&room][..lines.len()], "room {room}");
    }
}

fn by_room(export: &str) -> BTreeMap<String, Vec<&str>> {
    let mut rooms: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for line in export.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        if entry["entry"] == "event" {
            rooms.entry(entry["room"].as_str().unwrap().to_owned()).or_default().push(line);
        }
    }
    rooms
}

#[test]
fn a_copy_that_is_not_the_log_is_caught() {
    let drill = Drill::begin("backup-control", 1, 1);
    let world = World::new().unwrap();
    let host = world.host("studio").start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    let crowd = Crowd::begin(host.address(), &mut senders, 1);
    crowd.reach(8).unwrap();
    drop(crowd.end());
    let live = export(host.plan());
    let copy = Copied::of(&world, host.plan(), "copy");
    assert_eq!(copy.export, live);
    // One letter of one message.
    let other = live.replacen("message 3 of", "message 4 of", 1);
    assert_ne!(other, live);
    let caught = std::panic::catch_unwind(|| is_the_beginning(&other, &live)).is_err();
    drill.say(format_args!("one changed letter was {}", if caught { "caught" } else { "not caught" }));
    assert!(caught);
}
