//! `hearth-server serve`: runs a host and says where it is.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use server_core::{Server, StartError};

use crate::place::Place;
use crate::service::{self, Signal, Signals};
use crate::settings::Settings;
use crate::{journal, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    place: Place,
    /// Where to listen; 0.0.0.0 for everyone on the network, port 0 for any [default: 127.0.0.1:7717].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The host's name, as others see it.
    #[arg(long)]
    name: Option<String>,
    /// Don't announce the host on the local network.
    #[arg(long)]
    no_announce: bool,
    /// Who may register without an invite; only looked at when the host is started for the first time.
    #[arg(long, value_enum)]
    registration: Option<Registration>,
    /// A name by which browsers may reach this host, besides its addresses; may be given several times.
    #[arg(long, value_name = "NAME")]
    public_name: Vec<String>,
    /// Print one line of JSON instead of text for people.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Registration {
    /// Everyone on the local network.
    Open,
    /// Nobody.
    Invite,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let loaded = self.place.settings(self.flags())?;
        let config = loaded.settings.config()?;
        // Before anything is made.
        server_core::check_files(&config)?;
        journal::begin(&loaded.settings.log)?;
        service::take_all_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve(loaded.settings, config))
    }

    /// The flags as settings.
    fn flags(&self) -> Vec<String> {
        let registration = self.registration.map(|registration| match registration {
            Registration::Open => "host.registration=open".to_owned(),
            Registration::Invite => "host.registration=invite".to_owned(),
        });
        let names = (!self.public_name.is_empty()).then(|| self.public_name.join(","));
        let mut flags = Vec::new();
        flags.extend(self.listen.map(|address| format!("listen.address={address}")));
        flags.extend(self.name.as_ref().map(|name| format!("host.name={name}")));
        flags.extend(self.no_announce.then(|| "host.announce=false".to_owned()));
        flags.extend(registration);
        flags.extend(names.map(|names| format!("listen.public_names={names}")));
        flags
    }

    async fn serve(self, settings: Settings, config: server_core::Config) -> anyhow::Result<()> {
        let mut signals = Signals::new()?;
        let data_dir = config.data_dir.clone();
        let mut server = Server::start(config).await.map_err(|error| with_way_out(error, &data_dir))?;
        if let Err(error) = print(&server, self.json) {
            tracing::warn!(%error, "nobody could be told where the host is");
        }
        service::ready();
        let watchdog = tokio::spawn(service::watchdog());
        let failure = loop {
            let signal = tokio::select! {
                signal = signals.next() => signal,
                reason = server.failed() => {
                    break Some(anyhow::anyhow!("the disk failed ({reason}); check it and start again"));
                }
            };
            match signal {
                Signal::Stop => break None,
                Signal::Reload => self.reload(&settings, &mut server).await,
            }
        };
        service::stopping();
        server.stop().await;
        watchdog.abort();
        failure.map_or(Ok(()), Err)
    }

    /// Reads the settings again. What does not hold changes nothing; what only a start looks at is named.
    async fn reload(&self, at_start: &Settings, server: &mut Server) {
        service::reloading();
        match self.read_again(server).await {
            Ok(settings) => {
                tracing::info!("the settings were read again");
                let waiting = settings.waiting(at_start).join(", ");
                if !waiting.is_empty() {
                    tracing::warn!(waiting, "some of them were changed and wait for a restart");
                }
            }
            Err(error) => tracing::error!(error, "the settings stay as they were"),
        }
        service::ready();
    }

    async fn read_again(&self, server: &mut Server) -> Result<Settings, String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let settings = self.place.settings(self.flags()).map_err(|error| said(&error))?.settings;
        let config = settings.config().map_err(|error| said(&error))?;
        server.reload(config).await.map_err(|error| said(&error))?;
        Ok(settings)
    }
}

/// A host whose file is damaged may have a copy beside it.
fn with_way_out(error: StartError, data_dir: &Path) -> anyhow::Error {
    let copy = server_core::newest_snapshot(data_dir);
    match (&error, copy) {
        (StartError::Open(vault::OpenError::Damaged(_)), Some(copy)) => anyhow::Error::new(error).context(format!(
            "the host does not start; its newest snapshot is {0}: `hearth-server restore --data-dir NEW-FOLDER {0}`",
            copy.display()
        )),
        _ => error.into(),
    }
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

fn print(server: &Server, json: bool) -> anyhow::Result<()> {
    let line = listening(server);
    if json {
        return say(&serde_json::to_string(&line).context("the line could not be written")?);
    }
    say(&format!("{} is listening on {}", line.name, line.address))?;
    say(&format!("  host id  {}", line.host_id))?;
    say(&format!("  words    {}", line.words))?;
    say(&format!("  browser  {}", line.url))?;
    if let (Some(app), Some(web)) = (&line.owner_link, &line.owner_web_link) {
        say("\nThis host has no owner yet. Whoever opens one of these links first becomes its owner:")?;
        say(&format!("  app      {app}"))?;
        say(&format!("  browser  {web}"))?;
    }
    Ok(())
}

fn listening(server: &Server) -> Listening {
    let bound = server.local_addr();
    let address = server.addresses().into_iter().next().unwrap_or_else(|| bound.to_string());
    // Browsers take a plain page from this computer, and warn of a certificate that no authority has signed.
    let (scheme, place) = server_core::in_a_browser(&address);
    let invite = server.owner_invite();
    Listening {
        event: "listening",
        host_id: server.host_id().to_string(),
        words: server.host_id().words(),
        name: server.name(),
        address: bound,
        addresses: server.addresses(),
        url: format!("{scheme}://{place}/"),
        owner_link: invite.as_ref().map(protocol::InviteLink::to_app_link),
        owner_web_link: invite.as_ref().map(|invite| invite.to_web_link(scheme, place)),
    }
}
