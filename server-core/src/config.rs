//! What a host is told at its start.
//!
//! Plain values only: reading files, environment and flags is the binaries' part.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use protocol::{Registration, limits};
use zeroize::Zeroizing;

/// Everything [`Server::start`](crate::Server::start) needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The host's vault: one folder, made at the first start.
    pub data_dir: PathBuf,
    /// Where to listen. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// The host's name. Given at a later start, it renames the host; `None` keeps what was, or at the first start
    /// takes the computer's name.
    pub name: Option<String>,
    /// Whether to announce the host on the local network. Never done when listening on loopback only.
    pub announce: bool,
    /// How the vault is opened.
    pub unlock: HostKey,
    /// Names by which browsers may reach this host, besides addresses, `localhost` and `*.local`.
    pub public_names: Vec<String>,
    /// Origins of other sites whose pages may speak to this host, as `https://app.example.org`. Nobody's by default.
    pub allowed_origins: Vec<String>,
    /// Who may register without an invite, decided at the first start; later the host remembers. `None`: nobody.
    pub registration: Option<Registration>,
    /// Reverse proxies: what they say of who speaks is believed, and plain HTTP is taken from them.
    pub trusted_proxies: Vec<IpNet>,
    /// A certificate that browsers accept, besides the host's own.
    pub tls: Option<TlsFiles>,
    /// Where figures for Prometheus are served; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Where the operator's commands are heard (Unix only); `None`: nowhere.
    pub admin_socket: Option<PathBuf>,
    /// How many copies of itself it keeps beside its vault.
    pub snapshots: Snapshots,
    /// How much it takes on at once.
    pub limits: Limits,
    /// How long it waits for what.
    pub timeouts: Timeouts,
}

impl Config {
    /// The configuration of a host in `data_dir` that listens at `listen`; everything else as usual.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, listen: SocketAddr) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen,
            name: None,
            announce: true,
            unlock: HostKey::KeyFile(None),
            public_names: Vec::new(),
            allowed_origins: Vec::new(),
            registration: None,
            trusted_proxies: Vec::new(),
            tls: None,
            metrics: None,
            admin_socket: None,
            snapshots: Snapshots::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// A certificate of an authority, as files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that lead to the authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How the host's vault is opened.
#[derive(Clone)]
pub enum HostKey {
    /// By a file only its owner may read; `None` is the file `key` in the data folder.
    KeyFile(Option<PathBuf>),
    /// By the system's keyring.
    Keyring(Arc<dyn vault::Keyring>),
    /// By a passphrase.
    Passphrase(Zeroizing<String>),
}

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::KeyFile(_) => "KeyFile",
            Self::Keyring(_) => "Keyring",
            Self::Passphrase(_) => "Passphrase",
        })
    }
}

/// Copies of the vault that a running host makes beside it.
#[derive(Debug, Clone, Copy)]
pub struct Snapshots {
    /// How long after one the next is made.
    pub every: Duration,
    /// How many stay, the newest; 0 makes none.
    pub keep: usize,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { every: Duration::from_secs(24 * 3600), keep: 2 }
    }
}

/// How much a host takes on at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most sockets in all; more wait in the system's queue.
    pub connections: usize,
    /// Most sockets not signed in; more are closed at once.
    pub strangers: usize,
    /// Most bytes waiting for one connection before it is told to come back and resync.
    pub queue_bytes: usize,
    /// Password and invite attempts one address may make in a row before it has to wait.
    pub attempts_per_address: u32,
    /// Password attempts one account may see in a row before it has to wait.
    pub attempts_per_account: u32,
    /// Requests one connection from elsewhere may make per second, ten seconds' worth of them at once; 0 is no limit.
    pub frames_per_second: u32,
    /// Bytes one connection from elsewhere may send per second, ten seconds' worth at once; 0 is no limit.
    pub bytes_per_second: u32,
    /// Most members of one room.
    pub members_per_room: u32,
    /// Most rooms one member is in; at most [`limits::LIST_ITEMS`].
    pub rooms_per_member: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 19_000,
            strangers: 2_000,
            queue_bytes: 1024 * 1024,
            attempts_per_address: 100,
            attempts_per_account: 10,
            frames_per_second: 200,
            bytes_per_second: 1024 * 1024,
            members_per_room: 10_000,
            rooms_per_member: limits::LIST_ITEMS,
        }
    }
}

/// How long a host waits for what.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// From accept to signed in.
    pub sign_in: Duration,
    /// Between two signs of life of ours.
    pub heartbeat: Duration,
    /// A peer silent for this long has left.
    pub lease: Duration,
    /// For a peer to take the last words of a connection.
    pub farewell: Duration,
    /// For everything to end at a stop.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            sign_in: Duration::from_millis(limits::SIGN_IN_MS.into()),
            heartbeat: Duration::from_millis(limits::HEARTBEAT_MS.into()),
            lease: Duration::from_millis(limits::LEASE_MS.into()),
            farewell: Duration::from_secs(5),
            stop: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_passphrase() {
        let mut config = Config::new("host", ([127, 0, 0, 1], 0).into());
        config.unlock = HostKey::Passphrase(Zeroizing::new("open sesame".into()));
        assert!(!format!("{config:?}").contains("sesame"));
    }

    #[test]
    fn the_lease_outlasts_two_heartbeats() {
        let timeouts = Timeouts::default();
        assert!(timeouts.lease > 2 * timeouts.heartbeat);
    }
}
