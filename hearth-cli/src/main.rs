//! Hearth on the command line: for scripts, for tests, and for people who live in a terminal.
//!
//! It opens the same kind of profile as the desktop app, in a folder of its own, speaks with hosts through `client-core`
//! alone, prints one JSON object per line where `--json` is asked for, and says in one sentence what went wrong and what to
//! do. Exit codes: 0 done, 1 failed, 2 used wrongly.

mod arguments;
mod command;
mod failure;
mod opening;
mod output;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use arguments::Arguments;
use failure::Failure;

/// How long a finished program waits for its threads.
const LAST_THREADS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    // The first line of every program of Hearth; only a second provider in the same process could make it fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "hearth-cli: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = command::run(&runtime, arguments);
    // Threads that wait for a keyring or a name server do not keep a finished program for long. All others have ended by
    // then: OpenSSL, which encrypts the vault, takes itself down at the end of the program, and a thread that ends while
    // it does so would free what it has freed.
    runtime.shutdown_timeout(LAST_THREADS);
    done
}
