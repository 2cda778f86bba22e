//! The chores: `cargo xtask run`, `cargo xtask test`, `cargo xtask bench`, `cargo xtask drill` and `cargo xtask package`.
//!
//! A newcomer needs Rust and Node, nothing else: what is missing is installed by name from ordinary registries, or
//! named together with the command that installs it. This crate refuses to know anything about chat.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod bindings;
#[cfg(unix)]
mod deb;
mod drill;
mod fuzz;
mod packages;
mod run;
mod steps;
mod test;
mod tools;
mod ui;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
The chores of Hearth.

  cargo xtask run [-- ARGUMENTS]   install what is missing, build, start the app
                                   (without a display: host headless and print the browser URL)
  cargo xtask test [--only NAME]   install what is missing, run every check there is
                                   (--only: just the steps whose name contains NAME)
  cargo xtask bench NAME [-- …]    measure the release build beside the floor: fanout, commit, idle, resume, start
                                   (`-- --tls`, `-- --threads 2`, `-- --help` for more)
  cargo xtask drill NAME [--rounds N] [--seed N]
                                   faults on purpose, in their long form; `drill list` names them
  cargo xtask package              build the headless host as a Debian package
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = || arguments.iter().skip(1).filter(|argument| *argument != "--").cloned().collect::<Vec<_>>();
    let outcome = match arguments.first().map(String::as_str) {
        Some("run") => run::run(&rest()),
        Some("test") => match rest().as_slice() {
            [] => test::test(None),
            [flag, name] if flag == "--only" => test::test(Some(name)),
            _ => return usage(),
        },
        Some("bench") => match rest().as_slice() {
            [name, more @ ..] => bench::bench(name, more),
            [] => return usage(),
        },
        Some("drill") => match rest().as_slice() {
            [name, more @ ..] => drill::drill(name, more),
            [] => return usage(),
        },
        #[cfg(unix)]
        Some("package") if rest().is_empty() => deb::package(),
        _ => return usage(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(2)
}

/// The top folder of the repository.
fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("this crate lies in the top folder").to_owned()
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}
