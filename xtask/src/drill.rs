//! `cargo xtask drill NAME`: the long form of what every test run does in short: faults on purpose, with their rounds,
//! their seeds and their controls.
//!
//! What a drill does stands in `tests/it/drills` and, where it needs no process of its own, beside what it drills. This
//! only builds what they need and calls them.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::steps::{run, run_keeping};
use crate::tools::cargo;
use crate::{fuzz, target};

/// One drill: its name, what it is about, and its tests.
#[derive(Clone, Copy)]
struct Drill {
    name: &'static str,
    about: &'static str,
    package: &'static str,
    /// What the names of its tests begin with or contain.
    tests: &'static [&'static str],
    /// Whether it mounts disks or makes networks.
    root: bool,
}

const fn stories(name: &'static str, about: &'static str, tests: &'static [&'static str]) -> Drill {
    Drill { name, about, package: "tests", tests, root: false }
}

/// The same, for those that mount disks or make networks.
const fn by_root(drill: Drill) -> Drill {
    Drill { root: true, ..drill }
}

const DRILLS: &[Drill] = &[
    stories("kill", "kill -9 of the host under four senders", &["drills::kill::"]),
    stories("kill-client", "kill -9 of a client in the middle of sending", &["drills::kill_client::"]),
    by_root(stories(
        "disk-full",
        "a disk filled to the brim under load, and space again",
        &["drills::disk_full::"],
    )),
    stories("fsync", "errors, short writes and no space at some write or sync", &["drills::disk_faults::"]),
    by_root(stories(
        "power",
        "the disk as it stands under a host that is stopped, served again",
        &["drills::power::"],
    )),
    stories("revoke", "rights taken away from live connections under load", &["drills::revoke::"]),
    stories("backup", "backups under load, restored and compared byte for byte", &["drills::backup::"]),
    stories("websocket", "the 301 core cases of Autobahn, written anew", &["drills::websocket::"]),
    stories(
        "flood",
        "connections, slow handshakes, pings, random bytes and deep JSON by the thousand",
        &["drills::flood::"],
    ),
    stories("migration", "kill -9 inside the migration of an older vault", &["drills::migration::"]),
    by_root(stories("partition", "a network that is cut and healed", &["drills::partition::"])),
    stories("clock", "the host's clock set back and forth by days", &["drills::clock::"]),
    Drill {
        name: "once",
        about: "10 000 messages, each sent one to five times over changing connections",
        package: "server-core",
        tests: &["once::messages_sent_up_to_five_times"],
        root: false,
    },
    Drill {
        name: "paging",
        about: "a log of 100 000 events, paged both ways while it is edited",
        package: "server-core",
        tests: &["once::a_log_that_is_edited_meanwhile"],
        root: false,
    },
];

/// Does what is asked for by `name`; `arguments` are `--rounds N`, `--seed N`, and `--runs N` for `fuzz`.
///
/// # Errors
/// When there is no such drill, something can not be built, or the drill fails.
pub(crate) fn drill(name: &str, arguments: &[String]) -> Result<ExitCode> {
    let told = Told::read(arguments)?;
    match name {
        "list" => list(),
        "fuzz" => fuzz::fuzz(told.runs)?,
        "all" => {
            build()?;
            DRILLS.iter().try_for_each(|drill| perform(drill, &told))?;
        }
        _ => {
            let drill = DRILLS.iter().find(|drill| drill.name == name);
            let drill =
                drill.with_context(|| format!("there is no drill {name:?}; see `cargo xtask drill list`"))?;
            build()?;
            perform(drill, &told)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list() {
    for drill in DRILLS {
        println!("  {:<12} {}", drill.name, drill.about);
    }
    println!(
        "  {:<12} frames, hooks, settings and links made up until something breaks (needs nightly Rust)",
        "fuzz"
    );
    println!("  {:<12} everything but fuzz", "all");
}

/// What was said after the name.
#[derive(Default)]
struct Told {
    rounds: Option<u32>,
    seed: Option<u64>,
    runs: Option<u64>,
}

impl Told {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut told = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let number = words.next().with_context(|| format!("{word} wants a number"))?;
            match word.as_str() {
                "--rounds" => told.rounds = Some(number.parse().context("--rounds wants a number")?),
                "--seed" => told.seed = Some(number.parse().context("--seed wants a number")?),
                "--runs" => told.runs = Some(number.parse().context("--runs wants a number")?),
                _ => bail!("{word:?} is not known: say --rounds, --seed, or --runs for fuzz"),
            }
        }
        Ok(told)
    }
}

fn perform(drill: &Drill, told: &Told) -> Result<()> {
    if drill.root && !is_root() {
        bail!("drill {} needs root: it mounts a disk or makes a network of its own", drill.name);
    }
    println!("\n==> drill {}: {}", drill.name, drill.about);
    let mut command = cargo();
    command.args(["test", "--package", drill.package, "--test", "it", "--"]).args(drill.tests);
    command.args(["--nocapture", "--test-threads", "1"]).env("HEARTH_DRILL", "1");
    if let Some(rounds) = told.rounds {
        command.env("HEARTH_ROUNDS", rounds.to_string());
    }
    if let Some(seed) = told.seed {
        command.env("HEARTH_SEED", seed.to_string());
    }
    let passed = run_keeping(&mut command, |line| line.starts_with("test result:"))?;
    if passed.iter().all(|line| line.contains(" 0 passed")) {
        bail!("drill {} has no test: its name has changed", drill.name);
    }
    Ok(())
}

fn is_root() -> bool {
    let asked = std::process::Command::new("id").arg("-u").output();
    asked.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}

/// The programs that drills start: first the control, put aside, then the real ones.
fn build() -> Result<()> {
    let host = ["build", "--package", "server-core", "--bin", "hearth-server"];
    run(cargo().args(host).args(["--features", CONTROL]))?;
    put_the_control_aside()?;
    run(cargo().args(host))?;
    run(cargo().args(["build", "--package", "hearth-cli"]))
}

/// The features of the host that must be caught, and that echoes.
pub(crate) const CONTROL: &str = "server-core/asynchronous-commit,server-core/echo";

/// Keeps the host that was just built under the control's name.
///
/// # Errors
/// When it can not be copied.
pub(crate) fn put_the_control_aside() -> Result<()> {
    let aside = target().join("debug/hearth-server-too-early");
    std::fs::copy(target().join("debug/hearth-server"), &aside).context("could not put the control aside")?;
    Ok(())
}
