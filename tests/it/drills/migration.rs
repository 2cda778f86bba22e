//! A host that is killed while it brings an older vault up to date: after each death the vault is of some released schema
//! and of nothing in between, and in the end it holds what it would hold had nobody killed anything.

mod age;

use std::fs;
use std::path::Path;

use protocol::{MessageId, Reading, Reply, Request, Role, Visibility};
use tests::crowd::{self, Crowd};
use tests::drill::Drill;
use tests::faults::{Fault, Faults};
use tests::world::{HostPlan, World};
use uuid::Uuid;

#[test]
fn a_host_that_is_killed_inside_a_migration_is_old_or_new_and_loses_nothing() {
    let mut drill = Drill::begin("migration", 12, 200);
    let world = World::in_memory().unwrap();
    let faults = Faults::build(world.folder()).unwrap();
    let newest = server_core::SCHEMA.migrations.len();
    let today = world.folder().join("today");
    fill(&world, &today);
    let (mut deaths, mut left, mut lines) = (0, vec![0; newest + 1], 0);
    for round in 1..=drill.rounds {
        // Every age has its turn; one whole migration of it says what must come out, and how much is written for it.
        let age = 1 + (round as usize * 7 + drill.dice.below(newest - 1)) % (newest - 1);
        let older = world.folder().join(format!("older-{round}"));
        copy(&today, &older);
        age::set_back(&older, age);
        let plan = |name: &str| {
            let plan = faults.before(world.host(&format!("{name}-{round}")));
            fs::create_dir_all(&plan.folder).unwrap();
            copy(&older, &plan.data());
            plan
        };
        let before = faults.seen().unwrap();
        let undisturbed = plan("undisturbed").start().unwrap().stop().unwrap();
        let after = faults.seen().unwrap();
        let expected = export(&undisturbed);
        let moments = usize::try_from(after.0 - before.0 + after.1 - before.1).unwrap();
        let mut killed = plan("killed");
        // Once, and again while it goes on from there.
        for _ in 0..1 + drill.dice.below(3) {
            let fault = [Fault::Dies, Fault::DiesMidway][drill.dice.below(2)];
            faults.arm(fault, 1 + u32::try_from(drill.dice.below(moments)).unwrap()).unwrap();
            killed = match killed.clone().start() {
                // It came further than that.
                Ok(host) => host.kill().unwrap(),
                Err(_) => killed,
            };
            deaths += faults.done().unwrap();
            faults.disarm().unwrap();
            let found = age::of(&killed.data());
            assert!((age..=newest).contains(&found), "{age} became {found}");
            left[found] += 1;
        }
        let host = killed.start().unwrap().stop().unwrap();
        assert_eq!(age::of(&host.data()), newest);
        let (got, expected) = (export(&host), expected.as_str());
        assert!(got == expected, "set back to {age}, round {round}: not what it would be");
        lines += got.lines().count();
        drill.after_round(round, format_args!("set back to {age}, {moments} moments, {deaths} deaths"));
        for folder in [&older, &host.folder, &undisturbed.folder] {
            fs::remove_dir_all(folder).unwrap();
        }
    }
    let ages = left.iter().filter(|count| **count > 0).count();
    drill.say(format_args!(
        "{deaths} deaths, vaults left at {ages} different ages and none between, {lines} lines of exports equal"
    ));
    assert!(deaths >= i64::from(drill.rounds) / 2, "hardly anybody died: {deaths}");
}

/// The control: a vault with half of a step is told from those that a host may leave.
#[test]
fn a_vault_in_between_is_caught() {
    let drill = Drill::begin("migration-control", 1, 1);
    let world = World::new().unwrap();
    let today = world.folder().join("today");
    fill(&world, &today);
    let newest = server_core::SCHEMA.migrations.len();
    assert_eq!(age::of(&today), newest);
    age::set_back(&today, newest - 1);
    assert_eq!(age::of(&today), newest - 1);
    age::take_half_a_step(&today);
    let caught = std::panic::catch_unwind(|| age::of(&today)).is_err();
    drill
        .say(format_args!("a table without its number was {}", if caught { "caught" } else { "not caught" }));
    assert!(caught);
}

/// A host's folder with something in nearly every table.
fn fill(world: &World, to: &Path) {
    let host = world.host("full").start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    let crowd = Crowd::begin(host.address(), &mut senders, 4);
    crowd.reach(100).unwrap();
    senders = crowd.end();
    let (mut alice, _) = senders[0].connect(host.address()).unwrap();
    let request = Request::CreateRoom {
        name: "kitchen".into(),
        topic: "what there is".into(),
        visibility: Visibility::Private,
        reading: Reading::Join,
    };
    let Reply::Room { room } = alice.ask(request).unwrap() else { panic!("no room") };
    let (room, message, bob) = (room.id, MessageId(Uuid::now_v7()), senders[1].id);
    let mut answer = Request::post(room, MessageId(Uuid::now_v7()), "in a thread".into());
    if let Request::Post(post) = &mut answer {
        post.thread = Some(message);
    }
    for request in [
        Request::AddToRoom { room, member: bob },
        Request::post(room, message, "first @bob".into()),
        Request::Edit { room, message, text: "second @bob".into() },
        Request::React { room, message, emoji: "+1".into() },
        Request::Pin { room, message },
        answer,
        Request::SetRetention { room, days: Some(9999) },
        Request::CreateHook { room, name: "hook".into() },
        Request::CreateReport { room, url: "https://example.org/hook".into() },
        Request::CreateBot { name: "bot".into(), rooms: vec![room] },
        Request::SetContact { member: bob, contact: true },
        Request::CreateInvite { role: Role::Guest, uses: 1, life_ms: 60_000, rooms: vec![room] },
    ] {
        let what = format!("{request:?}");
        let reply = alice.ask(request).unwrap();
        assert!(!matches!(reply, Reply::Error(_)), "{what}: {reply:?}");
    }
    drop(alice);
    copy(&host.stop().unwrap().data(), to);
}

/// A host's folder at rest, without what is only there while it runs.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn export(plan: &HostPlan) -> String {
    let said = plan.run("export", &["--canonical"]).unwrap();
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.out
}
