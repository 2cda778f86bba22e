//! `cargo xtask test`: every check there is, in the order in which each finds what it needs already built.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

#[cfg(unix)]
use crate::deb;
use crate::drill::put_the_control_aside;
use crate::packages::{self, STORIES};
use crate::steps::{Done, Steps, run, run_keeping};
use crate::tools::{cargo, cargo_deny, npm, npm_packages};
use crate::{bindings, root, target, ui};

/// One set of features for clippy, build and tests: switching it would compile the desktop shell twice.
const FEATURES: &str = "hearth/custom-protocol";
/// The set for the host that acknowledges too early; only the crates that have the feature compile again.
const TOO_EARLY: &str = "hearth/custom-protocol,server-core/asynchronous-commit,server-core/echo";

/// Runs the steps, or those whose name contains `only`.
///
/// # Errors
/// Never: what fails is in the table, and in the exit code.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn test(only: Option<&str>) -> Result<ExitCode> {
    let mut steps = Steps::new(only);
    steps.step("build packages", &[], |_| on_linux(|| packages::install_for_build(true)));
    steps.step("story packages", &[], |_| on_linux(|| packages::install(STORIES)));
    steps.step("npm packages", &[], |_| {
        npm_packages("ui")?;
        npm_packages("tests")?;
        passed("")
    });
    steps.step("format", &[], |_| {
        run(cargo().args(["fmt", "--all", "--check"]))?;
        passed("")
    });
    web(&mut steps);
    rust(&mut steps);
    steps.step("fuzz targets", &["clippy"], |_| fuzz_targets());
    steps.step("debian package", &["build"], |_| debian_package());
    steps.step("cargo deny", &[], |_| deny(&["bans", "licenses", "sources"]));
    steps.step("advisories", &["cargo deny"], |_| advisories());
    steps.step("browser stories", &["npm packages", "build"], |closing| stories("web", closing));
    steps.step("desktop stories", &["npm packages", "build"], |closing| stories("desktop", closing));
    Ok(steps.close())
}

#[allow(clippy::unnecessary_wraps)]
fn passed(word: impl Into<String>) -> Result<Done> {
    Ok(Done::Passed(word.into()))
}

fn on_linux(install: impl FnOnce() -> Result<String>) -> Result<Done> {
    if cfg!(target_os = "linux") {
        return passed(install()?);
    }
    Ok(Done::Skipped("the stories run on Linux".into()))
}

#[cfg(unix)]
fn debian_package() -> Result<Done> {
    if !packages::is_debian() {
        return Ok(Done::Skipped("dpkg makes it".into()));
    }
    deb::check()
}

#[cfg(not(unix))]
fn debian_package() -> Result<Done> {
    Ok(Done::Skipped("dpkg makes it".into()))
}

fn web(steps: &mut Steps) {
    let npm_run = |script: &str| run(npm("ui").args(["run", "--silent", script]));
    steps.step("ui check", &["npm packages"], |_| npm_run("check").and_then(|()| passed("")));
    steps.step("ui lint", &["npm packages"], |_| npm_run("lint").and_then(|()| passed("")));
    steps.step("ui tests", &["npm packages"], |closing| {
        closing.extend(run_keeping(npm("ui").args(["run", "--silent", "test"]), is_closing)?);
        passed("")
    });
    // The host embeds what this makes, so it comes before every Rust build.
    steps.step("ui build", &["npm packages"], |_| passed(ui::build()?));
}

fn rust(steps: &mut Steps) {
    let needs = &["build packages", "ui build"];
    steps.step("clippy", needs, |_| {
        run(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            FEATURES,
            "--",
            "-D",
            "warnings",
        ]))?;
        passed("")
    });
    steps.step("build the control", needs, |_| build_the_control());
    steps.step("build", needs, |_| {
        run(cargo().args(["build", "--workspace", "--all-targets", "--features", FEATURES]))?;
        passed("")
    });
    steps.step("rust tests", &["build"], rust_tests);
    steps
        .step("generated typescript", &["rust tests"], |_| passed(format!("{} files", bindings::compare()?)));
}

/// Builds the host whose acknowledgements come before the commit, and puts it aside: the ledger must catch it. It echoes
/// too, for the cases of the WebSocket protocol.
/// Before the real build, so that the real binary is the one that stays in its place. With `--example` the features
/// of development dependencies count as they do in the real build, and nothing below is compiled twice.
fn build_the_control() -> Result<Done> {
    run(cargo().args([
        "build",
        "--workspace",
        "--features",
        TOO_EARLY,
        "--bin",
        "hearth-server",
        "--example",
        "features",
    ]))?;
    put_the_control_aside()?;
    passed("")
}

/// Looks at what the fuzzer's targets call, as it stands in their own workspace; the tests have run it by then. Without
/// libFuzzer, which takes minutes to build and a nightly compiler.
fn fuzz_targets() -> Result<Done> {
    let mut check = cargo();
    check.args(["check", "--locked", "--no-default-features", "--manifest-path", "fuzz/Cargo.toml"]);
    check.env("CARGO_TARGET_DIR", target());
    let how = "`cargo check --no-default-features --manifest-path fuzz/Cargo.toml` brings fuzz/Cargo.lock up to date";
    run(&mut check).context(how)?;
    passed("")
}

fn rust_tests(closing: &mut Vec<String>) -> Result<Done> {
    let fresh = bindings::fresh();
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).context("could not clear the generated types of the last run")?;
    }
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast", "--features", FEATURES]);
    let lines = run_keeping(command.env("TS_RS_EXPORT_DIR", &fresh), is_closing)?;
    let count = |word: &str| -> u32 {
        let number = |line: &String| {
            let before = line.split(word).next()?;
            before.split_whitespace().last()?.parse::<u32>().ok()
        };
        lines.iter().filter_map(number).sum()
    };
    let word = format!("{} passed, {} failed", count(" passed"), count(" failed"));
    closing.push(format!("rust tests: {word}, in {} test programs", lines.len()));
    passed(word)
}

/// The lines with which cargo's, vitest's and Node's runners say how many tests passed.
fn is_closing(line: &str) -> bool {
    let node = ["# tests", "# pass", "# fail", "ℹ tests", "ℹ pass", "ℹ fail", "ℹ skipped", "# skipped"];
    line.starts_with("test result:")
        || node.iter().any(|start| line.starts_with(start))
        || ((line.starts_with("Tests") || line.starts_with("Test Files")) && line.contains("passed"))
}

fn stories(which: &str, closing: &mut Vec<String>) -> Result<Done> {
    let mut command = npm("tests");
    command.args(["run", "--silent", which]).env("HEARTH_BINARIES", target().join("debug"));
    let lines = run_keeping(&mut command, is_closing)?;
    closing.push(format!("{which} stories: {}", lines.join(", ").replace(['ℹ', '#'], "").replace("  ", " ")));
    passed("")
}

fn deny(what: &[&str]) -> Result<Done> {
    let mut command: Command = cargo_deny()?;
    run(command.current_dir(root()).args(["--workspace", "--all-features", "check"]).args(what))?;
    passed("")
}

/// Advisories need RustSec's database, which is a git repository elsewhere: where it can not be reached, say so.
fn advisories() -> Result<Done> {
    let mut fetch = cargo_deny()?;
    let fetched = fetch.current_dir(root()).args(["fetch", "db"]).status().context("cargo-deny")?;
    if !fetched.success() {
        return Ok(Done::Skipped("the advisory database can not be reached from here".into()));
    }
    deny(&["advisories"])
}
