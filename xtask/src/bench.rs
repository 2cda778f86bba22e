//! `cargo xtask bench NAME`: builds the host and the load generator for release and measures, each on a core of its own.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::steps::run as call;
use crate::target;
use crate::tools::cargo;

const NAMES: [&str; 6] = ["fanout", "rooms", "commit", "idle", "resume", "start"];

/// Measures `name`; `arguments` go to the load generator, see `--help` there.
///
/// # Errors
/// When a build fails, or there is no such figure.
pub(crate) fn bench(name: &str, arguments: &[String]) -> Result<ExitCode> {
    if !NAMES.contains(&name) {
        bail!("there is no figure {name:?}: say one of {}", NAMES.join(", "));
    }
    call(cargo().args(["build", "--release", "--package", "server-core", "--package", "bench"]))?;
    let built = target().join("release");
    // The host under measurement pins itself to core 0.
    let mut command = Command::new("taskset");
    command.args(["-c", "1"]).arg(built.join("bench")).arg(name);
    command.arg("--server").arg(built.join("hearth-server")).args(arguments);
    call(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
