//! The host that may run in this program: started, found again at the next start, stopped. Its vault opens with a secret
//! that the installation's own vault gives, so that one keyring entry, passphrase or recovery code opens both.
//! It refuses to speak to its members in any other way than everyone else: the window joins over the loopback socket.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use client_core::Profile;
use protocol::{DEFAULT_PORT, HostId, InviteLink, Registration};
use server_core::{Config, HostKey, Server, StartError};
use zeroize::Zeroizing;

use crate::error::Answer;
use crate::paths::Paths;
use crate::view::FailureView;

/// How many ports after the usual one are tried before the system chooses: members find the host by mDNS anyway, but a
/// familiar number is easier to let through a firewall.
const NEIGHBOURS: u16 = 10;

/// The host of this installation.
pub(crate) struct Hosting {
    dir: PathBuf,
    port: PathBuf,
    /// Held through a start or stop, so that they never cross.
    turn: tokio::sync::Mutex<()>,
    state: RwLock<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Off,
    On(Server),
    Failed(FailureView),
}

impl Hosting {
    /// Nothing runs yet.
    pub(crate) fn new(paths: &Paths) -> Self {
        Self {
            dir: paths.host(),
            port: paths.host_port(),
            turn: tokio::sync::Mutex::default(),
            state: RwLock::default(),
        }
    }

    /// Starts the host that was here before, if one was. A failure is kept for whoever looks at that host.
    pub(crate) async fn resume(&self, profile: &Profile) {
        if server_core::is_host(&self.dir)
            && let Err(failure) = self.start(profile, None).await
        {
            tracing::error!(code = failure.code, message = failure.message, "the host did not start");
        }
    }

    /// Starts the host unless it runs, the first time under `name`, and says which it is.
    pub(crate) async fn start(&self, profile: &Profile, name: Option<String>) -> Answer<HostId> {
        let _turn = self.turn.lock().await;
        if let State::On(server) = &*self.state() {
            return Ok(server.host_id().clone());
        }
        let started = self.listen(&secret(profile), name).await.map_err(FailureView::from);
        let id = started.as_ref().map(|server| server.host_id().clone()).map_err(Clone::clone);
        self.become_state(started.map_or_else(State::Failed, State::On));
        id
    }

    /// Tells the members to come back, and ends.
    pub(crate) async fn stop(&self) {
        let _turn = self.turn.lock().await;
        if let State::On(server) = self.become_state(State::Off) {
            server.stop().await;
        }
    }

    /// Asks the running host, if it is `host`.
    pub(crate) fn ask<T>(&self, host: &HostId, question: impl FnOnce(&Server) -> T) -> Option<T> {
        match &*self.state() {
            State::On(server) if server.host_id() == host => Some(question(server)),
            _ => None,
        }
    }

    /// Why the host of this computer does not run.
    pub(crate) fn failure(&self) -> Option<FailureView> {
        match &*self.state() {
            State::Failed(failure) => Some(failure.clone()),
            _ => None,
        }
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn become_state(&self, state: State) -> State {
        std::mem::replace(&mut *self.state.write().unwrap_or_else(PoisonError::into_inner), state)
    }

    /// Listens where it did last, else at the usual port or near it, and remembers where.
    async fn listen(&self, secret: &Zeroizing<String>, name: Option<String>) -> Result<Server, StartError> {
        let mut outcome = None;
        for port in ports(self.last_port()) {
            let mut config = Config::new(&self.dir, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
            config.name.clone_from(&name);
            // Colleagues on the same network come in without an invite, until the owner decides otherwise.
            config.registration = Some(Registration::Open);
            config.unlock = HostKey::Passphrase(secret.clone());
            match Server::start(config).await {
                Err(StartError::PortInUse(address)) => outcome = Some(StartError::PortInUse(address)),
                Err(error) => return Err(error),
                Ok(server) => {
                    self.remember_port(server.local_addr().port());
                    return Ok(server);
                }
            }
        }
        Err(outcome.expect("the list of ports is never empty"))
    }

    fn last_port(&self) -> Option<u16> {
        fs::read_to_string(&self.port).ok()?.trim().parse().ok()
    }

    fn remember_port(&self, port: u16) {
        if let Err(error) = fs::write(&self.port, port.to_string()) {
            tracing::warn!(%error, "the host's port is not remembered, the next start may take another");
        }
    }
}

/// The owner's way in, over this computer's own loopback, where it has no owner yet.
pub(crate) fn owner_invite(server: &Server) -> Option<InviteLink> {
    let invite = server.owner_invite()?;
    Some(InviteLink { addresses: vec![loopback(server)], ..invite })
}

/// Where this computer reaches its own host.
pub(crate) fn loopback(server: &Server) -> String {
    SocketAddr::from((Ipv4Addr::LOCALHOST, server.local_addr().port())).to_string()
}

/// Which ports to try, in which order; the last lets the system choose.
fn ports(last: Option<u16>) -> impl Iterator<Item = u16> {
    let usual = DEFAULT_PORT..=DEFAULT_PORT + NEIGHBOURS;
    last.into_iter().chain(usual.filter(move |port| Some(*port) != last)).chain([0])
}

fn secret(profile: &Profile) -> Zeroizing<String> {
    let key = profile.vault().key_for("host vault");
    Zeroizing::new(key.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_port_is_tried_first_and_none_twice() {
        let first: Vec<u16> = ports(None).collect();
        assert_eq!((first[0], first[first.len() - 1]), (DEFAULT_PORT, 0));
        let again: Vec<u16> = ports(Some(DEFAULT_PORT + 1)).collect();
        assert_eq!(again[..2], [DEFAULT_PORT + 1, DEFAULT_PORT]);
        assert_eq!(again.len(), first.len());
    }
}
