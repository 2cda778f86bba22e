//! A disk that is full while several post: reading goes on, every refusal has its reason, nothing acknowledged is lost,
//! and writing resumes by itself once there is space.

use std::fs::{self, File};
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use protocol::{ErrorCode, Reply, Request, SignIn};
use tests::crowd::{self, Crowd};
use tests::disk::Mounted;
use tests::drill::{Drill, may_mount, spread};
use tests::ledger::Ledger;
use tests::link::Link;
use tests::world::{Host, World};
use tests::{http, wait};

/// In MiB; large enough for all that is written between two fillings.
const DISK: u32 = 64;
/// Within which writes resume once there is space.
const RESUMES: Duration = Duration::from_secs(5);
/// Bytes of a message besides its own words, so that a disk of nothing is soon noticed.
const PADDING: usize = 3000;

#[test]
fn a_full_disk_refuses_with_a_reason_loses_nothing_and_is_left_without_a_restart() {
    let mut drill = Drill::begin("disk-full", 3, 40);
    if !may_mount("a full disk") {
        return;
    }
    let world = World::new().unwrap();
    let mut plan = world.host("small");
    let disk = Mounted::small(&plan.data(), DISK).unwrap();
    let metrics = free_address();
    plan.settings.push(format!("metrics.address={metrics}"));
    let mut host = plan.start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    senders.iter_mut().for_each(|sender| sender.padding = PADDING);
    let mut resumed = Vec::new();
    let mut refused = 0;
    for round in 1..=drill.rounds {
        let crowd = Crowd::begin(host.address(), &mut senders, 1);
        crowd.reach(drill.dice.below(60)).unwrap();
        let ballast = disk.at().join("ballast");
        disk.fill(&ballast).unwrap();
        let count = || crowd.progress.refused.load(Ordering::SeqCst);
        wait::until("refusals", || (count() >= 8).then_some(())).unwrap();
        let room = {
            let acknowledged = || crowd.progress.acknowledged.load(Ordering::SeqCst);
            says_that_it_is_full(&host, &metrics);
            let before = acknowledged();
            fs::remove_file(&ballast).unwrap();
            let since = Instant::now();
            wait::until("writes after the space came back", || (acknowledged() > before).then_some(()))
                .unwrap();
            resumed.push(since.elapsed());
            refused += count();
            acknowledged()
        };
        crowd.reach(room + 4).unwrap();
        senders = crowd.end();
        assert_eq!(http::get(host.address(), "/readyz").unwrap().0, 200);
        assert_eq!(violations(&host, &senders).1, 0);
        if drill.dice.below(3) == 0 {
            // The same after a start, and after a death in the middle of it all.
            host = host.kill().unwrap().start().unwrap();
            assert_eq!(violations(&host, &senders).1, 0);
        }
        drill.after_round(round, format_args!("{refused} refused"));
        if disk_is_nearly_used(&disk) {
            break;
        }
    }
    let slowest = *resumed.iter().max().unwrap();
    host = host.stop().unwrap().start().unwrap();
    crowd::deliver_what_is_open(host.address(), &mut senders).unwrap();
    let (ledger, found) = violations(&host, &senders);
    drill.say(format_args!(
        "{} fillings, {refused} posts refused, writes resumed after {}, {:?}, {found} violations",
        resumed.len(),
        spread(&mut resumed),
        ledger.counts()
    ));
    assert!(slowest < RESUMES, "{slowest:?}");
    assert_eq!(found, 0);
}

/// Everything there is to say so says so, each time it is asked, and what needs no space goes on.
fn says_that_it_is_full(host: &Host, metrics: &str) {
    let not_ready = || {
        let (status, word) = http::get(host.address(), "/readyz").unwrap();
        assert_eq!((status, word.as_str()), (503, "read-only: the disk is full\n"));
    };
    not_ready();
    assert_eq!(http::get(host.address(), "/livez").unwrap().0, 200);
    let figures = http::get(metrics, "/metrics").unwrap().1;
    assert!(figures.contains("hearth_refusals_total{code=\"read_only\"}"), "{figures}");
    assert!(figures.lines().any(|line| line == "hearth_writable 0"), "{figures}");
    let doctor = host.plan().run("doctor", &["--quick"]).unwrap();
    assert_eq!(doctor.code, Some(1));
    assert!(
        doctor.out.contains("BAD    the host takes no messages: read-only: the disk is full"),
        "{doctor:?}"
    );
    let check = host.plan().run("healthcheck", &["--listen", host.address()]).unwrap();
    assert_eq!(check.code, Some(1));
    assert!(check.err.contains("the disk is full"), "{check:?}");
    (0..50).for_each(|_| not_ready());
}

/// What the ledger says with everybody reading.
fn violations(host: &Host, senders: &[crowd::Sender]) -> (Ledger, usize) {
    let ledger = crowd::everything_read(host.address(), senders, senders.len()).unwrap();
    let found = ledger.violations();
    assert_eq!(found, []);
    (ledger, found.len())
}

#[test]
fn one_connection_lives_through_a_full_disk() {
    if !may_mount("a connection and a full disk") {
        return;
    }
    let world = World::new().unwrap();
    let plan = world.host("small");
    let disk = Mounted::small(&plan.data(), 16).unwrap();
    let host = plan.start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    let alice = &mut senders[0];
    alice.padding = PADDING;
    let (mut link, _) = alice.connect(host.address()).unwrap();
    alice.post_once(&mut link).unwrap().unwrap();
    let ballast = disk.at().join("ballast");
    disk.fill(&ballast).unwrap();
    // What lies in the log's file already may still be written over.
    let refused = wait::until("a refusal", || alice.post_once(&mut link).unwrap().err()).unwrap();
    assert_eq!(refused.code, ErrorCode::ReadOnly);
    assert!(refused.message.contains("full") && refused.message.contains("space"), "{}", refused.message);
    assert_eq!(link.ask(Request::Ping).unwrap(), Reply::Pong);
    assert!(!link.whole_log(alice.room).unwrap().is_empty());
    let Reply::Rooms { .. } = link.ask(Request::Rooms).unwrap() else { panic!("no rooms") };
    // Signing in needs a line in a table; a session that is there is let in all the same, from wherever it comes.
    let (mut again, _) = alice.connect(host.address()).unwrap();
    assert!(!again.whole_log(alice.room).unwrap().is_empty());
    let by = SignIn::Session { token: alice.token.clone() };
    let (mut renamed, _) = Link::sign_in_from(host.address(), by, "another name").unwrap();
    assert!(!renamed.whole_log(alice.room).unwrap().is_empty());
    // A copy on another disk is worth the more.
    let copy = world.folder().join("copy");
    let backup = host.plan().run("backup", &[copy.to_str().unwrap()]).unwrap();
    assert_eq!(backup.code, Some(0), "{backup:?}");
    fs::remove_file(&ballast).unwrap();
    alice.post_once(&mut link).unwrap().unwrap();
}

#[test]
fn a_full_disk_is_left_with_nobody_writing() {
    if !may_mount("a host that notices by itself that there is space") {
        return;
    }
    let world = World::new().unwrap();
    let plan = world.host("small");
    let disk = Mounted::small(&plan.data(), 16).unwrap();
    let host = plan.start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    let alice = &mut senders[0];
    alice.padding = PADDING;
    let (mut link, _) = alice.connect(host.address()).unwrap();
    for _ in 0..3 {
        let ballast = disk.at().join("ballast");
        let filled = disk.fill(&ballast).unwrap();
        wait::until("a refusal", || alice.post_once(&mut link).unwrap().err()).unwrap();
        let ready = || http::get(host.address(), "/readyz").unwrap().0 == 200;
        // Room for a few messages is none for a host.
        File::options().write(true).open(&ballast).unwrap().set_len(filled - (1 << 20)).unwrap();
        for _ in 0..20 {
            assert!(!ready());
            assert!(alice.post_once(&mut link).unwrap().is_err());
        }
        fs::remove_file(&ballast).unwrap();
        let since = Instant::now();
        wait::until("a host that is ready again", || ready().then_some(())).unwrap();
        assert!(since.elapsed() < RESUMES, "{:?}", since.elapsed());
        alice.post_once(&mut link).unwrap().unwrap();
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// The long form writes more than a small disk holds; it ends when the disk would be full by itself.
fn disk_is_nearly_used(disk: &Mounted) -> bool {
    let used: u64 =
        walk(disk.at()).iter().map(|path| fs::metadata(path).map_or(0, |about| about.len())).sum();
    used > u64::from(DISK) * 1024 * 1024 * 3 / 4
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
