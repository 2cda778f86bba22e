//! `cargo xtask drill fuzz`: each target for so many runs, one after the other, from the golden frames and seeds of the
//! repository. What is missing for it is named, with the command that brings it.

use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};

use crate::root;
use crate::steps::run;

/// Target, where its seeds are, the share of all runs in percent, and how long an input may be, in bytes.
const TARGETS: [(&str, &[&str], u64, u32); 4] = [
    (
        "frames",
        &["protocol/tests/wire/client", "protocol/tests/wire/host", "protocol/tests/wire/newer"],
        50,
        4096,
    ),
    ("hooks", &["fuzz/seeds/hooks"], 30, 4096),
    ("links", &["fuzz/seeds/links"], 15, 512),
    ("config", &["fuzz/seeds/config"], 5, 4096),
];

/// All runs together.
const RUNS: u64 = 10_000_000;

/// Runs every target.
///
/// # Errors
/// When something is missing, or a target finds something: the input is then in `fuzz/artifacts`.
pub(crate) fn fuzz(runs: Option<u64>) -> Result<()> {
    let runs = runs.unwrap_or(RUNS);
    is_there(&["+nightly", "--version"], "a nightly Rust", "rustup toolchain install nightly")?;
    is_there(&["fuzz", "--version"], "cargo-fuzz", "cargo install cargo-fuzz")?;
    for (target, seeds, share, length) in TARGETS {
        let corpus = root().join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus)?;
        let mut command = Command::new("cargo");
        // The sanitizers watch over unsafe code, which nothing here has.
        command
            .current_dir(root())
            .args(["+nightly", "fuzz", "run", "--sanitizer", "none", target])
            .arg(&corpus);
        command.args(seeds.iter().map(|seeds| root().join(seeds)));
        let words = root().join("fuzz/words.dict");
        command.arg("--").arg(format!("-runs={}", runs * share / 100)).arg(format!("-max_len={length}"));
        command.arg(format!("-dict={}", words.display())).args(["-print_final_stats=1", "-timeout=10"]);
        println!("\n==> fuzz {target}");
        run(&mut command)?;
    }
    println!("fuzz: {runs} runs in {} targets, nothing found", TARGETS.len());
    Ok(())
}

fn is_there(asked: &[&str], what: &str, how: &str) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(asked).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => bail!("{what} is missing; `{how}` brings it"),
        Err(error) => {
            ensure!(error.kind() == std::io::ErrorKind::NotFound, "cargo can not be started: {error}");
            bail!("cargo is missing; see https://rustup.rs");
        }
    }
}
