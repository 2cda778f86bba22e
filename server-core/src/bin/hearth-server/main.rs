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
mod place;
mod serve;
mod service;
mod settings;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use server_core::StartError;

use settings::SettingsError;

/// What is wrong is in the configuration (sysexits.h).
const EXIT_CONFIG: u8 = 78;

/// Team chat that you host yourself: the host without a window.
#[derive(Debug, Parser)]
#[command(version, about)]
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
        Command::Completions { shell } => {
            let name = env!("CARGO_BIN_NAME");
            clap_complete::generate(shell, &mut Arguments::command(), name, &mut std::io::stdout());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            if is_misconfigured(&error) { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}

fn is_misconfigured(error: &anyhow::Error) -> bool {
    error.is::<SettingsError>()
        || matches!(
            error.downcast_ref(),
            Some(
                StartError::PortInUse(_)
                    | StartError::Listen { .. }
                    | StartError::Name(_)
                    | StartError::Certificate { .. }
                    | StartError::Metrics { .. }
            )
        )
}

/// Says a line to whoever called, or to the script that did.
#[allow(clippy::print_stdout, reason = "this is what the program is asked to say")]
fn say(line: &str) {
    println!("{line}");
}

#[allow(clippy::print_stderr, reason = "this is where programs complain")]
fn complain(what: &str) {
    eprintln!("hearth-server: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
