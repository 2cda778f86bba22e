//! A running host, from start to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::{HostId, InviteLink};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use vault::Health;
use vault::rusqlite::Connection;

use crate::admin::{Administration, Answer, Command};
use crate::config::Config;
use crate::discovery::Announcement;
use crate::error::{Refusal, ReloadError, StartError};
use crate::handler::presence;
use crate::host::Host;
use crate::live::Live;
use crate::store::table::host;
use crate::tls::Certificates;
use crate::{
    acme, enrolment, http, lately, listener, metrics, network, reports, retention, snapshots, statuses, tls,
};

/// A running host. Dropping it ends the host without waiting; [`Server::stop`] ends it in good order.
pub struct Server {
    host: Arc<Host>,
    bound: SocketAddr,
    tracker: TaskTracker,
    announcement: Option<Announcement>,
    certificates: Arc<Certificates>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("id", self.host.identity.id())
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Starts a host: takes the port, opens its vault or makes it at the first start, serves, announces.
    ///
    /// Must be called within a tokio runtime with time and IO enabled; the host runs on it.
    ///
    /// # Errors
    /// [`StartError`] tells every cause apart. A port in use is noticed before anything is made.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (listener, bound) = listener::bind(config.listen).await?;
        let host = tokio::task::spawn_blocking(move || Host::open(config)).await;
        let host = Arc::new(host.map_err(|_| StartError::Interrupted)??);
        let names = certificate_names(&host, bound);
        let certificates = Certificates::new(&host.identity, &names, host.config.tls.as_ref())?;
        let speaking = certificates.server_config()?;
        let router = http::router(Arc::clone(&host));
        let tracker = TaskTracker::new();
        tracker.spawn(listener::accept(listener, Arc::clone(&host), (router, speaking), tracker.clone()));
        tracker.spawn(presence::tell(Arc::clone(&host)));
        tracker.spawn(lately::write_down(Arc::clone(&host)));
        tracker.spawn(reports::deliver(Arc::clone(&host)));
        tracker.spawn(statuses::take_back(Arc::clone(&host)));
        tracker.spawn(retention::keep(Arc::clone(&host)));
        tracker.spawn(snapshots::keep(Arc::clone(&host)));
        tracker.spawn(acme::keep(Arc::clone(&host), Arc::clone(&certificates)));
        if let Some(address) = host.config.metrics {
            let failed = |source| StartError::Metrics { address, source };
            let listener = metrics::bind(address).await.map_err(failed)?;
            tracker.spawn(metrics::serve(listener, Arc::clone(&host)));
        }
        open_admin_socket(&host, bound, &tracker);
        let announce = host.config.announce && !bound.ip().is_loopback();
        let announcement = announce
            .then(|| Announcement::begin(host.identity.id(), &host.live.load().name, bound))
            .flatten();
        tracing::info!(%bound, id = host.identity.id().prefix(), announced = announcement.is_some(), "listening");
        Ok(Self { host, bound, tracker, announcement, certificates })
    }

    /// Who the host is.
    #[must_use]
    pub fn host_id(&self) -> &HostId {
        self.host.identity.id()
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> String {
        self.host.live.load().name.clone()
    }

    /// Where it listens; the port is the real one even if any was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.bound
    }

    /// Where others can reach it, best first, as `name:port` or `ip:port`.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.host.addresses(self.bound)
    }

    /// The one-use invite by which its owner comes in; `None` once there is an owner. Each start makes a new one.
    #[must_use]
    pub fn owner_invite(&self) -> Option<InviteLink> {
        let mut addresses = self.addresses();
        addresses.truncate(protocol::invite_link::ADDRESSES);
        self.host.owner_invite(addresses)
    }

    /// Does what the operator asks; see [`Command`]. An export is had by the admin socket or
    /// [`Offline`](crate::admin::Offline) only.
    ///
    /// # Errors
    /// The refusal.
    pub async fn administer(&self, command: Command) -> Result<Answer, Refusal> {
        self.administration().perform(command).await
    }

    /// How many members are connected.
    #[must_use]
    pub fn online_count(&self) -> usize {
        *self.host.hub.watch_online().borrow()
    }

    /// Follows how many members are connected.
    #[must_use]
    pub fn watch_online(&self) -> watch::Receiver<usize> {
        self.host.hub.watch_online()
    }

    /// Follows whether the host can write.
    #[must_use]
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.host.vault.watch_health()
    }

    /// The host's vault, for its slots, recovery code and snapshots.
    #[must_use]
    pub fn vault(&self) -> &vault::Vault {
        &self.host.vault
    }

    /// Resolves with the reason once the host's disk is in doubt: nothing is acknowledged any more, and only a
    /// restart ends that state.
    pub async fn failed(&self) -> String {
        let mut health = self.host.vault.watch_health();
        let failed =
            health.wait_for(|health| matches!(health, Health::Failed(_))).await.map(|health| health.clone());
        match failed {
            Ok(Health::Failed(reason)) => reason,
            _ => std::future::pending().await,
        }
    }

    /// Takes what may change while the host runs from `config`: its name, public names, allowed origins, trusted
    /// proxies, certificate files, authorities, private networks, of whom a second factor is asked, and the limits but
    /// those of all sockets. Everything else needs a restart and is not looked at.
    ///
    /// # Errors
    /// Then everything is as before.
    pub async fn reload(&mut self, config: Config) -> Result<(), ReloadError> {
        let before = self.name();
        let name =
            config.name.as_deref().map_or(Ok(before.as_str()), protocol::limits::check_name)?.to_owned();
        let live = Live::new(name.clone(), &config).map_err(ReloadError::Certificate)?;
        let certificate = tls::read(config.tls.as_ref()).map_err(ReloadError::Certificate)?;
        if name != before {
            self.rename(name.clone()).await.map_err(ReloadError::Store)?;
        }
        // What was set stands in the operator's file.
        self.administration().note_if_it_can("settings read again").await.map_err(ReloadError::Store)?;
        // From here on nothing can fail.
        self.certificates.show(certificate);
        let asked = self.host.live.load().second_factor;
        self.host.adopt(live);
        enrolment::recall(&self.host, asked).await;
        if name != before
            && let Some(announcement) = self.announcement.take()
        {
            announcement.withdraw().await;
            self.announcement = Announcement::begin(self.host.identity.id(), &name, self.bound);
        }
        Ok(())
    }

    async fn rename(&self, name: String) -> Result<(), Refusal> {
        let work = |name: String| move |conn: &Connection| Ok(host::rename(conn, &name)?);
        self.administration().commit(("host renamed", name.clone()), work(name), |(), _| {}).await
    }

    fn administration(&self) -> Administration {
        Administration { host: Arc::clone(&self.host), bound: self.bound }
    }

    /// Stops in good order: tells clients to come back, lets what waits go out, commits, takes the announcement
    /// back. Bounded in time by [`Timeouts::stop`](crate::Timeouts::stop).
    pub async fn stop(mut self) {
        let patience = self.host.config.timeouts.stop;
        self.host.stop.cancel();
        self.tracker.close();
        let announcement = self.announcement.take();
        let goodbye = async {
            if let Some(announcement) = announcement {
                announcement.withdraw().await;
            }
        };
        let drained = async {
            if tokio::time::timeout(patience, self.tracker.wait()).await.is_err() {
                tracing::warn!(connections = self.tracker.len(), "some connections did not end in time");
            }
        };
        tokio::join!(goodbye, drained);
        if let Err(refusal) = lately::write(&self.host).await {
            tracing::debug!(%refusal, "what devices told last could not be written");
        }
        self.host.vault.close().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.host.stop.cancel();
    }
}

/// A host without its admin socket still serves; the log says why it is missing.
#[cfg(unix)]
fn open_admin_socket(host: &Arc<Host>, bound: SocketAddr, tracker: &TaskTracker) {
    use crate::admin::socket;
    let Some(path) = &host.config.admin_socket else { return };
    match socket::bind(path) {
        Ok(socket) => {
            tracker.spawn(socket::serve(socket, Administration { host: Arc::clone(host), bound }));
        }
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "there is no admin socket; `hearth-server admin` works only while the host is stopped");
        }
    }
}

#[cfg(not(unix))]
fn open_admin_socket(_host: &Arc<Host>, _bound: SocketAddr, _tracker: &TaskTracker) {}

fn certificate_names(host: &Host, bound: SocketAddr) -> Vec<String> {
    let addresses =
        network::reachable(bound).into_iter().filter_map(|address| address.parse::<SocketAddr>().ok());
    let fixed = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut names = fixed.into_iter().collect::<Vec<_>>();
    names.extend(addresses.map(|address| address.ip().to_string()));
    names.extend(host.config.public_names.iter().map(|name| name.name().to_owned()));
    names.dedup();
    names
}
