//! `hearth-server`: the host without a window.
//!
//! Reads flags, starts the library, prints where the host is, and waits for the signal to stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use protocol::{DEFAULT_PORT, Registration};
use serde::Serialize;
use server_core::{Config, HostKey, Server, StartError};

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
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// The host's folder; made at the first start. Copying it moves the host.
    #[arg(long, env = "HEARTH_DATA_DIR", value_name = "FOLDER")]
    data_dir: PathBuf,
    /// Where to listen; 0.0.0.0 for everyone on the network, port 0 for any.
    #[arg(long, env = "HEARTH_LISTEN", value_name = "ADDRESS:PORT", default_value_t = loopback())]
    listen: SocketAddr,
    /// The host's name, as others see it.
    #[arg(long, env = "HEARTH_NAME")]
    name: Option<String>,
    /// Don't announce the host on the local network.
    #[arg(long)]
    no_announce: bool,
    /// Who may register without an invite; only looked at when the host is started for the first time.
    #[arg(long, value_enum)]
    registration: Option<RegistrationArgument>,
    /// A name by which browsers may reach this host, besides its addresses; may be given several times.
    #[arg(long, value_name = "NAME")]
    public_name: Vec<String>,
    /// The file with the key to the host's folder, made at the first start [default: the file `key` in it].
    #[arg(long, env = "HEARTH_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Print one line of JSON instead of text for people.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RegistrationArgument {
    /// Everyone on the local network.
    Open,
    /// Nobody.
    Invite,
}

/// The line of `--json`.
#[derive(Serialize)]
struct Listening {
    event: &'static str,
    host_id: String,
    words: String,
    name: String,
    address: SocketAddr,
    addresses: Vec<String>,
    url: String,
    owner_link: Option<String>,
    owner_web_link: Option<String>,
}

fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        complain("the cryptography could not be set up");
        return ExitCode::FAILURE;
    }
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG")
                .unwrap_or_else(|_| "info,mdns_sd=error".into()),
        )
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let Command::Serve(serve) = arguments.command;
    match run(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            let misconfigured = matches!(
                error.downcast_ref(),
                Some(StartError::PortInUse(_) | StartError::Listen { .. } | StartError::Name(_))
            );
            if misconfigured { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}

#[tokio::main]
async fn run(serve: Serve) -> anyhow::Result<()> {
    let json = serve.json;
    let server = Server::start(config(serve)).await?;
    print(&server, json)?;
    let stopped = wait_for_stop();
    let failure = tokio::select! {
        stopped = stopped => stopped.err().map(anyhow::Error::from),
        reason = server.failed() => Some(anyhow::anyhow!("the disk failed ({reason}); check it and start again")),
    };
    server.stop().await;
    failure.map_or(Ok(()), Err)
}

fn config(serve: Serve) -> Config {
    let mut config = Config::new(serve.data_dir, serve.listen);
    config.name = serve.name;
    config.announce = !serve.no_announce;
    config.unlock = HostKey::KeyFile(serve.key_file);
    config.public_names = serve.public_name;
    config.registration = serve.registration.map(|registration| match registration {
        RegistrationArgument::Open => Registration::Open,
        RegistrationArgument::Invite => Registration::Invite,
    });
    config
}

#[allow(clippy::print_stdout, reason = "this is what the program is asked to say")]
fn print(server: &Server, json: bool) -> anyhow::Result<()> {
    let bound = server.local_addr();
    let address = server.addresses().into_iter().next().unwrap_or_else(|| bound.to_string());
    // Browsers take a plain page from this computer, and warn of a certificate that no authority has signed.
    let scheme = if bound.ip().is_loopback() { "http" } else { "https" };
    let invite = server.owner_invite();
    let line = Listening {
        event: "listening",
        host_id: server.host_id().to_string(),
        words: server.host_id().words(),
        name: server.name().to_owned(),
        address: bound,
        addresses: server.addresses(),
        url: format!("{scheme}://{address}/"),
        owner_link: invite.as_ref().map(protocol::InviteLink::to_app_link),
        owner_web_link: invite.as_ref().map(|invite| invite.to_web_link(scheme, &address)),
    };
    if json {
        println!("{}", serde_json::to_string(&line).context("the line could not be written")?);
        return Ok(());
    }
    println!("{} is listening on {}", line.name, line.address);
    println!("  host id  {}", line.host_id);
    println!("  words    {}", line.words);
    println!("  browser  {}", line.url);
    if let (Some(app), Some(web)) = (&line.owner_link, &line.owner_web_link) {
        println!();
        println!("This host has no owner yet. Whoever opens one of these links first becomes its owner:");
        println!("  app      {app}");
        println!("  browser  {web}");
    }
    Ok(())
}

#[allow(clippy::print_stderr, reason = "this is where programs complain")]
fn complain(what: &str) {
    eprintln!("hearth-server: {what}");
}

/// Resolves at the first signal that asks to stop.
async fn wait_for_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT))
}
