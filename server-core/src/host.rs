//! What all connections of one host share.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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

use crate::attempts::Attempts;
use crate::committer::Committer;
use crate::config::{Config, HostKey};
use crate::error::{Refusal, StartError};
use crate::forward;
use crate::hashing::Hashing;
use crate::hub::Hub;
use crate::identity::Identity;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::store::table::{forwards, host, invites, members};
use crate::store::{Denied, SCHEMA, now};
use crate::token;
use crate::typing::Typing;

/// One attempt comes back after this long.
const REFILL: Duration = Duration::from_secs(6);

/// Requests a hook or bot may make in a row, and the time after which one comes back.
const PROGRAM: (u32, Duration) = (100, Duration::from_millis(500));

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
    pub(crate) by_address: Mutex<Attempts<IpAddr>>,
    pub(crate) by_account: Mutex<Attempts<String>>,
    by_program: Mutex<Attempts<MemberId>>,
    pub(crate) typing: Typing,
    pub(crate) stop: CancellationToken,
    /// Wakes the one who lets go of old messages.
    pub(crate) rules_changed: Notify,
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
        let hub = Hub::new();
        let metrics = Metrics::new(config.metrics.is_some());
        let identity = Identity::from_pkcs8(row.key)?;
        let moved = gone.and_then(|(addresses, at)| forward::note(&identity, addresses, at));
        Ok(Self {
            identity,
            moved: ArcSwapOption::from(moved.map(Arc::new)),
            live: ArcSwap::from_pointee(Live::new(row.name, &config)),
            committer: Committer::new(vault.clone(), Arc::clone(&hub), Arc::clone(&metrics)),
            metrics,
            hub,
            vault,
            hashing: Hashing::new()?,
            by_address: Mutex::new(Attempts::new(config.limits.attempts_per_address, REFILL)),
            by_account: Mutex::new(Attempts::new(config.limits.attempts_per_account, REFILL)),
            by_program: Mutex::new(Attempts::new(PROGRAM.0, PROGRAM.1)),
            typing: Typing::default(),
            stop: CancellationToken::new(),
            rules_changed: Notify::new(),
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

    /// Takes the part of `config` that may change while the host runs. Attempts made so far are forgotten if their
    /// limits changed.
    pub(crate) fn adopt(&self, name: String, config: &Config) {
        let before = self.live.swap(Arc::new(Live::new(name, config))).limits;
        let limits = config.limits;
        if limits.attempts_per_address != before.attempts_per_address {
            let mut attempts = self.by_address.lock().expect("nothing panics while it holds the buckets");
            *attempts = Attempts::new(limits.attempts_per_address, REFILL);
        }
        if limits.attempts_per_account != before.attempts_per_account {
            let mut attempts = self.by_account.lock().expect("nothing panics while it holds the buckets");
            *attempts = Attempts::new(limits.attempts_per_account, REFILL);
        }
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

    /// Takes one attempt of an address.
    pub(crate) fn attempt_from(&self, address: IpAddr) -> Result<(), Refusal> {
        let mut attempts = self.by_address.lock().expect("nothing panics while it holds the buckets");
        attempts.take(address, Instant::now()).map_err(wait)
    }

    /// Takes one request of a hook or bot.
    pub(crate) fn program_speaks(&self, member: MemberId, now: Instant) -> Result<(), Refusal> {
        let mut attempts = self.by_program.lock().expect("nothing panics while it holds the buckets");
        attempts.take(member, now).map_err(wait)
    }

    /// Takes one attempt at an account.
    pub(crate) fn attempt_at(&self, folded: &str) -> Result<(), Refusal> {
        let mut attempts = self.by_account.lock().expect("nothing panics while it holds the buckets");
        attempts.take(folded.to_owned(), Instant::now()).map_err(wait)
    }

    /// The attempt of an address, and of an account if it was at one, was good.
    pub(crate) fn attempt_was_good(&self, address: IpAddr, folded: Option<&str>) {
        let mut attempts = self.by_address.lock().expect("nothing panics while it holds the buckets");
        attempts.restore(address, Instant::now());
        drop(attempts);
        if let Some(folded) = folded {
            self.attempt_at_was_good(folded);
        }
    }

    /// The attempt at an account was good.
    pub(crate) fn attempt_at_was_good(&self, folded: &str) {
        let mut attempts = self.by_account.lock().expect("nothing panics while it holds the buckets");
        attempts.restore(folded.to_owned(), Instant::now());
    }

    /// Asks the store.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Denied> + Send + 'static,
    ) -> Result<T, Refusal> {
        Ok(self.vault.read(question).await?)
    }
}

fn wait(time: Duration) -> Refusal {
    Refusal::rate_limited(u32::try_from(time.as_millis()).unwrap_or(u32::MAX))
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
    let row = invites::Row { id, role: Role::Owner, uses_left: 1, expires_at, by: None, revoked: false };
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
