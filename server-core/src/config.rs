//! What a host is told at its start.
//!
//! Plain values only: reading files, environment and flags is the binaries' part.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use protocol::limits::{self, OutOfBounds};
use protocol::{Registration, Role};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::names;
use crate::public_name::PublicName;

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
    /// Names by which browsers may reach this host, besides addresses, `localhost` and `*.local`; best first, for links.
    pub public_names: Vec<PublicName>,
    /// Origins of other sites whose pages may speak to this host, as [`origin`](crate::origin) reads them. Nobody's by
    /// default.
    pub allowed_origins: Vec<String>,
    /// Who may register without an invite, decided at the first start; later the host remembers. `None`: nobody.
    pub registration: Option<Registration>,
    /// Who must have a second factor.
    pub second_factor: SecondFactor,
    /// Reverse proxies: what they say of who speaks is believed, and plain HTTP is taken from them.
    pub trusted_proxies: Vec<IpNet>,
    /// A certificate that browsers accept, besides the host's own.
    pub tls: Option<TlsFiles>,
    /// An authority that is asked for a certificate; `None`: nobody is.
    pub acme: Option<Acme>,
    /// A PEM file with authorities that are believed besides the system's, for requests that the host makes.
    pub authorities: Option<PathBuf>,
    /// Networks besides the public internet to which reports may go.
    pub private_networks: Vec<IpNet>,
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
            second_factor: SecondFactor::None,
            trusted_proxies: Vec::new(),
            tls: None,
            acme: None,
            authorities: None,
            private_networks: Vec::new(),
            metrics: None,
            admin_socket: None,
            snapshots: Snapshots::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// Who must have a second factor beside their password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Nobody; whoever wants one has it.
    #[default]
    None,
    /// Those who run the host: the owner and administrators.
    Admins,
    /// Every member, guests too. Programs have tokens instead of passwords and are not asked.
    Everyone,
}

impl SecondFactor {
    /// Whether it is asked of someone with `role`.
    #[must_use]
    pub fn is_asked_of(self, role: Role) -> bool {
        match self {
            Self::None => false,
            Self::Admins => matches!(role, Role::Owner | Role::Admin),
            Self::Everyone => true,
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

/// An authority that gives certificates by itself (RFC 8555), and what is asked of it. Naming one agrees to its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The names of the certificate, all of which must lead here; at least one, in lower case.
    pub names: Vec<String>,
    /// Whom it may write to, as an address of electronic mail.
    pub contact: Option<String>,
    /// The address of its directory; over HTTPS.
    pub directory: String,
    /// The kind of certificate, where it offers several.
    pub profile: Option<String>,
    /// How it looks whether the names lead here.
    pub challenge: AcmeChallenge,
    /// An account elsewhere to which the host's is bound, where it asks for one.
    pub external_account: Option<ExternalAccount>,
}

/// How an authority looks whether a name leads to this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// By TLS on the host's one port, which must be reached at 443 (tls-alpn-01, RFC 8737).
    TlsAlpn,
    /// By HTTP on this address, which must be reached at 80 (http-01); it is open only while the authority looks.
    Http(SocketAddr),
}

/// An account elsewhere to which the one with an authority is bound (RFC 8555, 7.3.4).
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// Which.
    pub id: String,
    /// Its key, as base64url.
    pub key: Zeroizing<String>,
}

impl std::fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalAccount").field("id", &self.id).finish_non_exhaustive()
    }
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

/// How much a host takes on, of whom, and how fast. Where it says so, 0 is no limit. Rates per second may be saved up
/// for ten seconds; those per minute and hour may be spent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most sockets in all; more wait in the system's queue.
    pub connections: usize,
    /// Most sockets not signed in; more are closed at once.
    pub strangers: usize,
    /// Most sockets from one address (IPv6: one network of 64 bits); 0 is no limit.
    pub connections_per_address: u32,
    /// Of them, not signed in; 0 is no limit.
    pub strangers_per_address: u32,
    /// Most connections of one member; 0 is no limit.
    pub connections_per_member: u32,
    /// Most bytes waiting for one connection before it is told to come back and resync.
    pub queue_bytes: usize,
    /// Whether programs on this computer, unless a proxy passes them on, have no budget.
    pub spare_this_computer: bool,
    /// Password and invite attempts one address may make in a row before it has to wait; 0 is no limit.
    pub attempts_per_address: u32,
    /// Password attempts one account may see in a row before it has to wait; 0 is no limit.
    pub attempts_per_account: u32,
    /// Accounts that may be made from one address per hour; 0 is no limit.
    pub joins_per_hour: u32,
    /// Passwords hashed at once; each takes 19 MiB.
    pub hashes_at_once: usize,
    /// Most sign-ins and changes that wait for a password to be hashed; more are told to come later.
    pub hashes_waiting: usize,
    /// Of them, from one address or member.
    pub hashes_waiting_per_address: usize,
    /// Password changes and proofs of one member per minute; 0 is no limit.
    pub passwords_per_minute: u32,
    /// Pictures looked at at once; each takes up to 16 MiB while it is.
    pub pictures_at_once: usize,
    /// Most pictures that wait for that; more are told to come later.
    pub pictures_waiting: usize,
    /// Pictures one member may send or take away per hour, of themselves and of rooms; 0 is no limit.
    pub pictures_per_hour: u32,
    /// Requests one connection may make per second; 0 is no limit.
    pub frames_per_second: u32,
    /// Bytes one connection may send per second; 0 is no limit.
    pub bytes_per_second: u32,
    /// Requests one member may make per second over all devices; 0 is no limit.
    pub member_frames_per_second: u32,
    /// Bytes one member may send per second over all devices; 0 is no limit.
    pub member_bytes_per_second: u32,
    /// Requests, those over HTTP too, from one address per second; 0 is no limit.
    pub address_frames_per_second: u32,
    /// Bytes from one address per second; 0 is no limit.
    pub address_bytes_per_second: u32,
    /// Requests before sign-in from one address per second; 0 is no limit.
    pub stranger_frames_per_second: u32,
    /// Bytes before sign-in from one address per second; 0 is no limit.
    pub stranger_bytes_per_second: u32,
    /// Searches of one member per minute; 0 is no limit.
    pub searches_per_minute: u32,
    /// Pages of history, threads and what was missed, and pictures shown, of one member per minute; 0 is no limit.
    pub pages_per_minute: u32,
    /// Reactions of one member per minute; 0 is no limit.
    pub reactions_per_minute: u32,
    /// Rooms one member may make per hour; 0 is no limit.
    pub rooms_per_hour: u32,
    /// Invites one member may make per hour; 0 is no limit.
    pub invites_per_hour: u32,
    /// Requests of one hook or bot per minute; 0 is no limit.
    pub program_requests_per_minute: u32,
    /// Whoever was sent away for abuse stays away for this long, in seconds.
    pub exile_seconds: u32,
    /// Most members of one room.
    pub members_per_room: u32,
    /// Most rooms one member is in; at most [`limits::LIST_ITEMS`].
    pub rooms_per_member: u32,
    /// Longest text of a message, in bytes; at most [`limits::TEXT_BYTES`].
    pub text_bytes: usize,
    /// Longest name of a member or room, in characters; at most [`limits::NAME_CHARS`].
    pub name_chars: usize,
    /// Longest topic and status, in characters; at most [`limits::TOPIC_CHARS`].
    pub topic_chars: usize,
    /// Most events in one page; at most [`limits::PAGE_EVENTS`].
    pub page_events: u32,
    /// Most messages in one page of a search; at most [`limits::SEARCH_ITEMS`].
    pub search_items: u32,
    /// Largest body a hook takes, in bytes; at most 262144.
    pub hook_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 19_000,
            strangers: 2_000,
            connections_per_address: 2_000,
            strangers_per_address: 500,
            connections_per_member: 50,
            queue_bytes: 1024 * 1024,
            spare_this_computer: true,
            attempts_per_address: 100,
            attempts_per_account: 10,
            joins_per_hour: 500,
            hashes_at_once: 2,
            hashes_waiting: 1_000,
            hashes_waiting_per_address: 50,
            passwords_per_minute: 20,
            pictures_at_once: 1,
            pictures_waiting: 100,
            pictures_per_hour: 60,
            frames_per_second: 200,
            bytes_per_second: 1024 * 1024,
            member_frames_per_second: 400,
            member_bytes_per_second: 2 * 1024 * 1024,
            address_frames_per_second: 4_000,
            address_bytes_per_second: 16 * 1024 * 1024,
            stranger_frames_per_second: 200,
            stranger_bytes_per_second: 256 * 1024,
            searches_per_minute: 120,
            pages_per_minute: 1_200,
            reactions_per_minute: 240,
            rooms_per_hour: 200,
            invites_per_hour: 200,
            program_requests_per_minute: 120,
            exile_seconds: 60,
            members_per_room: 10_000,
            rooms_per_member: limits::LIST_ITEMS,
            text_bytes: limits::TEXT_BYTES,
            name_chars: limits::NAME_CHARS,
            topic_chars: limits::TOPIC_CHARS,
            page_events: limits::PAGE_EVENTS,
            search_items: limits::SEARCH_ITEMS,
            hook_bytes: HOOK_BYTES,
        }
    }
}

/// What people wrote, against what this host takes of it.
impl Limits {
    /// A name, trimmed.
    pub(crate) fn name<'a>(&self, name: &'a str) -> Result<&'a str, Refusal> {
        let fits = limits::check_name(name).and_then(|name| at_most(name, self.name_chars));
        // Some letters stand for many.
        let fits = fits.and_then(|name| match names::fold(name).len() <= limits::NAME_CHARS * 8 {
            true => Ok(name),
            false => Err(OutOfBounds::TooLong(self.name_chars)),
        });
        fits.map_err(|problem| Refusal::field("name", problem))
    }

    /// What a room is about, or a member says of themselves: trimmed, and perhaps empty.
    pub(crate) fn topic<'a>(&self, field: &str, topic: &'a str) -> Result<&'a str, Refusal> {
        let fits = limits::check_topic(topic).and_then(|topic| at_most(topic, self.topic_chars));
        fits.map_err(|problem| Refusal::field(field, problem))
    }

    /// The text of a message.
    pub(crate) fn text(&self, text: &str) -> Result<(), Refusal> {
        let fits = match limits::check_text(text) {
            Ok(()) if text.len() > self.text_bytes => Err(OutOfBounds::TooLong(self.text_bytes)),
            fits => fits,
        };
        fits.map_err(|problem| Refusal::field("text", problem))
    }
}

fn at_most(line: &str, chars: usize) -> Result<&str, OutOfBounds> {
    if line.chars().count() > chars { Err(OutOfBounds::TooLong(chars)) } else { Ok(line) }
}

/// Largest body of a hook there may be, in bytes: GitHub's largest events are cut to this anyway.
pub(crate) const HOOK_BYTES: usize = 256 * 1024;

/// No process has more sockets than this: systems allow a million files at most.
const SOCKETS: usize = 1_000_000;

impl Limits {
    /// What is wrong with them, if anything: a host with these would serve nobody, or promise what the protocol
    /// does not hold.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        let at_least_one = [
            self.connections,
            self.strangers,
            self.queue_bytes,
            self.hashes_at_once,
            self.hashes_waiting,
            self.hashes_waiting_per_address,
            self.pictures_at_once,
            self.pictures_waiting,
            self.text_bytes,
            self.name_chars,
            self.page_events as usize,
            self.search_items as usize,
            self.members_per_room as usize,
            self.rooms_per_member as usize,
            self.hook_bytes,
        ];
        let sockets = [self.connections, self.strangers];
        let within_protocol = self.text_bytes <= limits::TEXT_BYTES
            && self.name_chars <= limits::NAME_CHARS
            && self.topic_chars <= limits::TOPIC_CHARS
            && self.page_events <= limits::PAGE_EVENTS
            && self.search_items <= limits::SEARCH_ITEMS
            && self.hook_bytes <= HOOK_BYTES
            && self.rooms_per_member <= limits::LIST_ITEMS;
        match () {
            () if at_least_one.contains(&0) => Some(
                "limits: connections, strangers, queue_bytes, hashes_*, pictures_at_once, pictures_waiting, text_bytes, \
                 name_chars, page_events, search_items, members_per_room, rooms_per_member and hook_bytes must be at \
                 least 1",
            ),
            () if sockets.iter().any(|most| *most > SOCKETS) => Some(
                "limits: connections and strangers can't be more than 1000000, which no process can open",
            ),
            () if !within_protocol => {
                Some("limits: a size is larger than the protocol allows; the default is the most")
            }
            () => None,
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
