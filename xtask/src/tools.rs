//! The programs the chores call: cargo, npm and the few cargo plugins.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps::run;
use crate::{root, target};

/// The oldest Node that the web tools run on.
const NODE_MAJOR: u32 = 20;
/// Pinned, so that a new release does not change what passes.
const CARGO_DENY: &str = "0.20.2";

/// Cargo, in the top folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Npm, in a folder of the repository.
pub(crate) fn npm(folder: &str) -> Command {
    let mut command = Command::new("npm");
    command
        .current_dir(root().join(folder))
        .env("NO_UPDATE_NOTIFIER", "1")
        .env("NO_COLOR", "1")
        .env_remove("FORCE_COLOR");
    command
}

/// Installs the npm packages of `folder`, without running any script of theirs (none is needed), unless its lock file is the one they were installed from.
///
/// # Errors
/// When Node is missing or too old, or npm fails.
pub(crate) fn npm_packages(folder: &str) -> Result<()> {
    node_is_new_enough()?;
    let here = root().join(folder);
    let lock = std::fs::read(here.join("package-lock.json"))
        .with_context(|| format!("{folder}/package-lock.json"))?;
    let stamp = here.join("node_modules/.installed-from");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    // Not `npm ci`: it refuses a lock file that was written where the optional packages of other platforms can not be
    // had. This installs what the lock file says too, and leaves that file alone.
    run(npm(folder).args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]))?;
    std::fs::write(stamp, lock).context("could not note what was installed")
}

fn node_is_new_enough() -> Result<()> {
    let answer = Command::new("node")
        .arg("--version")
        .output()
        .context("Node is missing: install Node 20 or newer")?;
    let version = String::from_utf8_lossy(&answer.stdout);
    let major =
        version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major < NODE_MAJOR => {
            bail!("Node {} is too old: install Node {NODE_MAJOR} or newer", version.trim())
        }
        _ => Ok(()),
    }
}

/// Installs cargo-deny into the target folder unless the wanted version is there or in the path.
///
/// # Errors
/// When it can not be built.
pub(crate) fn cargo_deny() -> Result<Command> {
    let own = target().join("tools/bin/cargo-deny");
    for program in [Path::new("cargo-deny"), &own] {
        let version = Command::new(program).arg("--version").stderr(Stdio::null()).output();
        if version.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).contains(CARGO_DENY)) {
            return Ok(Command::new(program));
        }
    }
    run(cargo()
        .args(["install", "--locked", "--version", CARGO_DENY, "cargo-deny", "--root"])
        .arg(target().join("tools")))?;
    Ok(Command::new(own))
}
