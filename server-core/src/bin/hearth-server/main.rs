//! `hearth-server`: the host without a window.
//!
//! Reads settings, starts the library or asks a running host, and says in exit codes what went wrong: 1 at work,
//! 2 in how it was called, 78 in the configuration.

mod admin;
mod ask;
mod config;
mod copies;
mod doctor;
mod healthcheck;
mod journal;
mod place;
mod serve;
mod service;
mod settings;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use server_core::StartError;

use journal::complain;
use settings::SettingsError;

/// What is wrong is in the configuration (sysexits.h).
const EXIT_CONFIG: u8 = 78;

/// Team chat that you host yourself: the host without a window.
#[derive(Debug, Parser)]
#[command(name = env!("CARGO_BIN_NAME"), version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a host until it gets SIGTERM or SIGINT.
    Serve(serve::Serve),
    /// Prints the documented default settings, checks settings, or shows those in force.
    #[command(subcommand)]
    Config(config::Config),
    /// Runs the host: accounts, rooms, invites, sessions, figures, the audit log. Works on a running host and on a
    /// stopped one.
    Admin(admin::Admin),
    /// Copies the host into a new folder, running or not.
    Backup(copies::Backup),
    /// Makes a host's folder of a backup: the same host, with the same members, sessions and history.
    Restore(copies::Restore),
    /// Writes the whole log as JSON lines.
    Export(copies::Export),
    /// Says that the host has moved: from now on this place only points there, signed by the host's key.
    Forward(copies::Forward),
    /// Looks for what could be wrong, and says what to do about it.
    Doctor(doctor::Doctor),
    /// Says by its exit code whether the host on this computer takes messages (for containers).
    Healthcheck(healthcheck::Healthcheck),
    /// Prints what a shell needs to complete this program's commands.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        complain("the cryptography could not be set up");
        return ExitCode::FAILURE;
    }
    let done = match Arguments::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Config(config) => config.run(),
        Command::Admin(admin) => admin.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Export(export) => export.run(),
        Command::Forward(forward) => forward.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Healthcheck(healthcheck) => healthcheck.run(),
        Command::Completions { shell } => complete(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the answer has heard enough of it.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&told(&error));
            if is_misconfigured(&error) { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}

fn complete(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), env!("CARGO_BIN_NAME"), &mut script);
    say(String::from_utf8(script)?.trim_end())
}

/// What went wrong and why, each reason once: many errors say theirs already.
fn told(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for reason in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&reason) {
            said = format!("{said}: {reason}");
        }
    }
    said
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unsaid>().is_some_and(|unsaid| unsaid.0.kind() == ErrorKind::BrokenPipe)
}

/// An answer that could not be given.
#[derive(Debug, thiserror::Error)]
#[error("standard output takes nothing: {0}")]
struct Unsaid(std::io::Error);

/// Whether only other settings can help. A port that is taken and an address that is not there yet may mend
/// themselves: a service is to be tried again.
fn is_misconfigured(error: &anyhow::Error) -> bool {
    let passes =
        |source: &std::io::Error| matches!(source.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable);
    match error.downcast_ref() {
        Some(StartError::Name(_) | StartError::Certificate { .. }) => true,
        Some(StartError::Listen { source, .. } | StartError::Metrics { source, .. }) => !passes(source),
        _ => error.is::<SettingsError>(),
    }
}

/// Says a line to whoever called, or to the script that did.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    Ok(writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Unsaid)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
