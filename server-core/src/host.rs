//! What all connections of one host share.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use protocol::{
    HostCard, InviteId, InviteLink, MemberId, Moved, Registration, Role, Secret, UnixMillis, limits,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use vault::rusqlite::Connection;
use vault::{Options, Unlock, Vault};
use zeroize::Zeroizing;

use crate::acme::Keeper;
use crate::budget::{Budgets, Exiled, Held, Kind, Source, Tried};
use crate::committer::Committer;
use crate::config::{Config, HostKey, Limits};
use crate::error::{Refusal, StartError};
use crate::forward;
use crate::hashing::Hashing;
use crate::hub::Hub;
use crate::identity::Identity;
use crate::lately::Lately;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::network::{self, is_here};
use crate::pictures::Pictures;
use crate::store::table::{audits, forwards, host, invites, members};
use crate::store::{Denied, SCHEMA, now};
use crate::token;
use crate::typing::Typing;

/// How long a statement stays compiled: all of ours fit.
const STATEMENTS: usize = 128;

/// A running host's shared parts.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) live: ArcSwap<Live>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) vault: Vault,
    pub(crate) hub: Arc<Hub>,
    pub(crate) committer: Committer,
    pub(crate) hashing: Hashing,
    pub(crate) pictures: Pictures,
    pub(crate) budgets: Budgets,
    pub(crate) typing: Typing,
    pub(crate) lately: Arc<Lately>,
    pub(crate) stop: CancellationToken,
    /// From when its beats are counted.
    pub(crate) began: Instant,
    /// Wakes the one who lets go of old messages.
    pub(crate) rules_changed: Notify,
    /// Wakes the one who takes statuses back.
    pub(crate) statuses_changed: Notify,
    /// How it stands with the authority's certificate.
    pub(crate) keeper: Keeper,
    /// Where the host is, if not here.
    pub(crate) moved: ArcSwapOption<Moved>,
    open: AtomicBool,
    /// The owner's invite, while there is no owner.
    owner: Mutex<Option<Secret>>,
}

impl Host {
    /// Opens the vault of `config`, or makes it at the first start. Blocks its thread.
    pub(crate) fn open(config: Config) -> Result<Self, StartError> {
        if let Some(name) = &config.name {
            limits::check_name(name)?;
        }
        let vault = open_vault(&config)?;
        let (row, owner, gone) = prepare(&vault, &config)?;
        let lately = Arc::new(Lately::default());
        let hub = Hub::new(Arc::clone(&lately));
        let metrics = Metrics::new(config.metrics.is_some());
        let identity = Identity::from_pkcs8(row.key)?;
        let moved = gone.and_then(|(addresses, at)| forward::note(&identity, addresses, at));
        Ok(Self {
            identity,
            moved: ArcSwapOption::from(moved.map(Arc::new)),
            live: ArcSwap::from_pointee(Live::new(row.name, &config)?),
            committer: Committer::new(vault.clone(), Arc::clone(&hub), Arc::clone(&metrics)),
            hashing: Hashing::new(metrics.hashes.clone())?,
            pictures: Pictures::default(),
            metrics,
            hub,
            vault,
            budgets: Budgets::default(),
            typing: Typing::default(),
            lately,
            stop: CancellationToken::new(),
            began: Instant::now(),
            rules_changed: Notify::new(),
            statuses_changed: Notify::new(),
            keeper: Keeper::default(),
            open: AtomicBool::new(row.registration == Registration::Open),
            owner: Mutex::new(owner),
            config,
        })
    }

    /// What the host says of itself to anyone.
    pub(crate) fn card(&self) -> HostCard {
        HostCard {
            id: self.identity.id().clone(),
            name: self.live.load().name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Takes the part of its configuration that may change while the host runs.
    pub(crate) fn adopt(&self, live: Live) {
        self.live.store(Arc::new(live));
        self.keeper.wake();
    }

    /// Who may register without an invite.
    pub(crate) fn registration(&self) -> Registration {
        if self.open.load(Ordering::Relaxed) { Registration::Open } else { Registration::Invite }
    }

    /// Remembers what has been committed.
    pub(crate) fn set_registration(&self, registration: Registration) {
        self.open.store(registration == Registration::Open, Ordering::Relaxed);
    }

    /// Whether a peer may register: from nearby, where it is open, and once there is an owner.
    pub(crate) fn registration_for(&self, near: bool) -> Registration {
        if near && self.owner_token().is_none() { self.registration() } else { Registration::Invite }
    }

    /// Where others reach this host if it listens at `bound`, best first, as `name:port` or `ip:port`.
    pub(crate) fn addresses(&self, bound: SocketAddr) -> Vec<String> {
        let live = self.live.load();
        let alone = bound.ip().is_loopback();
        let behind_a_proxy = alone || !live.trusted_proxies.is_empty();
        let named = live.public_names.iter().map(|name| name.address(bound, behind_a_proxy));
        let mut addresses = named.collect::<Vec<_>>();
        // Who has a name and listens on this computer only is found by the name alone.
        if addresses.is_empty() || !alone {
            addresses.extend(network::reachable(bound));
        }
        addresses
    }

    /// The secret of the owner's invite, while there is no owner.
    pub(crate) fn owner_token(&self) -> Option<Secret> {
        self.owner.lock().expect("nothing panics while it holds the secret").clone()
    }

    /// The owner's invite, with where the host is reached.
    pub(crate) fn owner_invite(&self, addresses: Vec<String>) -> Option<InviteLink> {
        let token = self.owner_token()?;
        Some(InviteLink { host: self.identity.id().clone(), addresses, token })
    }

    /// There is an owner now.
    pub(crate) fn owner_came(&self) {
        self.owner.lock().expect("nothing panics while it holds the secret").take();
    }

    /// How much it takes on at this moment.
    pub(crate) fn limits(&self) -> Limits {
        self.live.load().limits
    }

    /// One more socket of an address, if it may have one. Those of trusted proxies are counted once it is known for
    /// whom they speak.
    pub(crate) fn hold(&self, address: IpAddr) -> Option<Held> {
        let live = self.live.load();
        if live.trusts(address) || (is_here(address) && live.limits.spare_this_computer) {
            return Some(Held::default());
        }
        self.budgets.hold(&live.limits, address.into())
    }

    /// Takes one request over HTTP of an address that was not sent away.
    pub(crate) fn request_from(&self, address: IpAddr) -> Result<(), Refusal> {
        let source = Source::from(address);
        self.may_come(Exiled::Source(source))?;
        self.budgets.take_from(&self.limits(), source, Kind::Frames, Instant::now()).map_err(Refusal::wait)
    }

    /// Takes one attempt of an address.
    pub(crate) fn attempt_from(&self, address: IpAddr) -> Result<(), Refusal> {
        let source = Source::from(address);
        self.budgets.take_from(&self.limits(), source, Kind::Attempts, Instant::now()).map_err(Refusal::wait)
    }

    /// Takes one of the accounts that may be made from an address.
    pub(crate) fn joins_from(&self, address: IpAddr) -> Result<(), Refusal> {
        let source = Source::from(address);
        self.budgets.take_from(&self.limits(), source, Kind::Joins, Instant::now()).map_err(Refusal::wait)
    }

    /// Whether an address has made attempts lately that were not good.
    pub(crate) fn has_failed(&self, address: IpAddr) -> bool {
        self.budgets.has_failed(address.into(), Instant::now())
    }

    /// Takes one request of a hook or bot.
    pub(crate) fn program_speaks(&self, member: MemberId, now: Instant) -> Result<(), Refusal> {
        self.budgets.take_of(&self.limits(), member, Kind::Programs, now).map_err(Refusal::wait)
    }

    /// Takes one attempt at an account.
    pub(crate) fn attempt_at(&self, tried: &Tried) -> Result<(), Refusal> {
        self.budgets.attempt_at(&self.limits(), tried, Instant::now()).map_err(Refusal::wait)
    }

    /// The attempt of an address, and at an account if it was at one, was good.
    pub(crate) fn attempt_was_good(&self, address: IpAddr, tried: Option<&Tried>) {
        let (limits, now) = (self.limits(), Instant::now());
        self.budgets.give_back(&limits, address.into(), Kind::Attempts, now);
        if let Some(tried) = tried {
            self.budgets.attempt_at_was_good(&limits, tried, now);
        }
    }

    /// Takes one try of a member at their own password. What strangers try at it is not theirs.
    pub(crate) fn attempt_of(&self, member: MemberId) -> Result<(), Refusal> {
        self.budgets.take_of(&self.limits(), member, Kind::Attempts, Instant::now()).map_err(Refusal::wait)
    }

    /// The password was right.
    pub(crate) fn attempt_of_was_good(&self, member: MemberId) {
        self.budgets.give_back_to(&self.limits(), member, Kind::Attempts, Instant::now());
    }

    /// Takes one try at a code of a member.
    pub(crate) fn attempt_by_code(&self, member: MemberId) -> Result<(), Refusal> {
        self.budgets.take_of(&self.limits(), member, Kind::Codes, Instant::now()).map_err(Refusal::wait)
    }

    /// The code was right.
    pub(crate) fn attempt_by_code_was_good(&self, member: MemberId) {
        self.budgets.give_back_to(&self.limits(), member, Kind::Codes, Instant::now());
    }

    /// Whether `who` was not sent away a moment ago.
    pub(crate) fn may_come(&self, who: Exiled) -> Result<(), Refusal> {
        self.budgets.may_come(who, Instant::now()).map_err(Refusal::wait)
    }

    /// Asks the store.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Denied> + Send + 'static,
    ) -> Result<T, Refusal> {
        Ok(self.vault.read(question).await?)
    }
}

fn open_vault(config: &Config) -> Result<Vault, StartError> {
    let dir = &config.data_dir;
    let key_file;
    let unlock = match &config.unlock {
        HostKey::KeyFile(path) => {
            key_file = path.clone().unwrap_or_else(|| dir.join("key"));
            Unlock::KeyFile(&key_file)
        }
        HostKey::Keyring(keyring) => Unlock::Keyring(keyring.as_ref()),
        HostKey::Passphrase(passphrase) => Unlock::Passphrase(passphrase),
    };
    let options = vault_options();
    if vault::exists(dir) {
        Ok(vault::open_with(dir, unlock, &SCHEMA, options)?)
    } else {
        Ok(vault::create_with(dir, unlock, &SCHEMA, options)?)
    }
}

/// How every connection to a host's vault, or to a copy of it, is set up.
pub(crate) fn vault_options() -> Options {
    Options { on_connect: Some(keep_statements), ..Options::host() }
}

fn keep_statements(conn: &Connection) -> vault::rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // What is deleted is overwritten where it stood.
    conn.pragma_update(None, "secure_delete", "ON")?;
    Ok(())
}

/// The host's record, the owner's invite, and where the host has gone.
type Prepared = (host::Row, Option<Secret>, Option<(Vec<String>, UnixMillis)>);

/// The host's record, made if this is the first start, and a new owner's invite if there is no owner.
fn prepare(vault: &Vault, config: &Config) -> Result<Prepared, StartError> {
    let fresh_key = Identity::generate()?;
    let invite = token::fresh().map_err(|_| StartError::Randomness)?;
    let first = config.registration.unwrap_or(Registration::Invite);
    let name = config.name.clone();
    let id = InviteId(Uuid::now_v7());
    let prepared = vault.write_blocking(move |conn| -> Result<_, Denied> {
        let row = record(conn, name.as_deref(), fresh_key, first)?;
        let owner = owner_invite(conn, id, invite)?;
        Ok((row, owner, forwards::read(conn)?))
    });
    prepared.map_err(|error| StartError::Record { path: config.data_dir.clone(), source: Box::new(error) })
}

fn record(
    conn: &Connection,
    name: Option<&str>,
    fresh_key: Zeroizing<Vec<u8>>,
    registration: Registration,
) -> Result<host::Row, Denied> {
    let name = name.map(|name| name.trim().to_owned());
    if let Some(mut row) = host::read(conn)? {
        if let Some(name) = name.filter(|name| *name != row.name) {
            host::rename(conn, &name)?;
            audits::note(conn, None, "host renamed", &name, now())?;
            row.name = name;
        }
        return Ok(row);
    }
    let row = host::Row { key: fresh_key, name: name.unwrap_or_else(computer_name), registration };
    host::insert(conn, &row, now())?;
    Ok(row)
}

fn owner_invite(
    conn: &Connection,
    id: InviteId,
    (token, hash): (Secret, [u8; 32]),
) -> Result<Option<Secret>, Denied> {
    if members::has_owner(conn)? {
        return Ok(None);
    }
    let now = now();
    invites::forget_owner(conn)?;
    let expires_at = UnixMillis(now.0 + limits::INVITE_LIFE_MS);
    let row = invites::Row {
        id,
        role: Role::Owner,
        uses_left: 1,
        expires_at,
        by: None,
        revoked: false,
        recovers: None,
    };
    invites::insert(conn, &row, &hash, now)?;
    Ok(Some(token))
}

/// What the computer is called, if that can be a name.
fn computer_name() -> String {
    let told = std::fs::read_to_string("/etc/hostname").ok().or_else(|| std::env::var("COMPUTERNAME").ok());
    let name = told.as_deref().map(limits::check_name).and_then(Result::ok);
    name.filter(|name| *name != "localhost").unwrap_or("Hearth").to_owned()
}

/// Whether a folder holds a host's vault, whole or not.
#[must_use]
pub fn is_host(data_dir: &Path) -> bool {
    vault::exists(data_dir)
}
