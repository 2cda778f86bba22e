//! One installation: its opened vault, the hosts it knows, and a client for each.
//!
//! Opening blocks (keyring, password hashing, disk): call it from a blocking thread. It refuses to make a new profile over
//! one that does not open.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use protocol::{HostId, Member};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vault::{Unlock, Vault};

use crate::client::{ASKS, Client, Shared};
use crate::connection::Actor;
use crate::connection::link::Link;
use crate::discovery::{self, BrowseError, FoundHost};
use crate::error::{CreateProfileError, OpenError, ProfileError, StoreError};
use crate::secrets::{Secrets, SessionSecrets};
use crate::store::table::hosts::{self, HostRow};
use crate::store::table::settings;
use crate::store::{HostStore, SCHEMA, Store};

/// An opened profile. Clones are handles to the same one; when the last one goes, its clients stop.
#[derive(Clone, Debug)]
pub struct Profile {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    secrets: Secrets,
    clients: Mutex<HashMap<HostId, Client>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A host this profile has joined.
#[derive(Debug, Clone)]
pub struct KnownHost {
    /// What it is.
    pub id: HostId,
    /// Its name as last heard.
    pub name: String,
    /// The id in words.
    pub words: String,
    /// Where it was reached, best first.
    pub addresses: Vec<String>,
    /// Who I am there.
    pub last_member: Option<Member>,
    /// Whether this installation runs it.
    pub hosted: bool,
}

impl Profile {
    /// Whether `dir` holds a profile, whole or not.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        vault::exists(dir)
    }

    /// Makes a profile in `dir`. Blocks its thread.
    ///
    /// # Errors
    /// Refuses a folder that holds one.
    pub fn create(
        dir: &Path,
        unlock: Unlock<'_>,
        secrets: SessionSecrets,
    ) -> Result<Self, CreateProfileError> {
        let vault = vault::create(dir, unlock, &SCHEMA)?;
        Ok(Self::of(vault, secrets)?)
    }

    /// Opens the profile in `dir`. Blocks its thread.
    ///
    /// # Errors
    /// Tells every cause apart; the profile is untouched by all of them.
    pub fn open(dir: &Path, unlock: Unlock<'_>, secrets: SessionSecrets) -> Result<Self, OpenError> {
        let vault = vault::open(dir, unlock, &SCHEMA)?;
        Ok(Self::of(vault, secrets)?)
    }

    fn of(vault: Vault, secrets: SessionSecrets) -> Result<Self, StoreError> {
        let mut random = [0u8; 8];
        getrandom::fill(&mut random).map_err(|error| {
            let error = rusqlite::Error::ToSqlConversionFailure(Box::new(error));
            StoreError::Read(vault::ReadError::Job(error))
        })?;
        let fresh = random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let profile = vault.write_blocking(move |connection| {
            settings::get_or_set(connection, settings::PROFILE_ID, &fresh)
        })?;
        let inner = Inner {
            store: Store::new(vault),
            secrets: Secrets::new(secrets, profile),
            clients: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The vault: its slots and its recovery code.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        self.inner.store.vault()
    }

    /// The hosts this profile has joined, in the order of joining.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn hosts(&self) -> Result<Vec<KnownHost>, StoreError> {
        let listed = self.store().read(|connection| {
            hosts::list(connection)?
                .into_iter()
                .map(|row| {
                    let addresses = hosts::addresses(connection, row.n)?;
                    Ok(KnownHost::of(row, addresses))
                })
                .collect()
        });
        listed.await
    }

    /// Starts a client for every known host that has none yet, and returns all of them in the order of joining.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn start(&self) -> Result<Vec<Client>, StoreError> {
        let rows = self.store().read(hosts::list).await?;
        Ok(rows
            .into_iter()
            .map(|row| self.client(&row.id).unwrap_or_else(|| self.start_client(row, None)))
            .collect())
    }

    /// The running client of a host.
    #[must_use]
    pub fn client(&self, host: &HostId) -> Option<Client> {
        self.clients().get(host).cloned()
    }

    /// Forgets a host: its history, its outbox, its session. The membership on the host itself stays.
    ///
    /// # Errors
    /// When the host is unknown or storage fails.
    pub async fn forget(&self, host: &HostId) -> Result<(), ProfileError> {
        self.replace(host);
        let id = host.clone();
        let row = self.store().read(move |connection| hosts::find(connection, &id)).await?;
        let n = row.ok_or(ProfileError::UnknownHost)?.n;
        let store = HostStore { store: self.store().clone(), n, id: host.clone() };
        // A token left in a keyring that can't be reached is of no use without the pin and the name.
        drop(self.secrets().remove(&store).await);
        Ok(store.write(hosts::remove).await?)
    }

    /// Looks for hosts on the local network until every receiver is dropped; entries say which of them are known here.
    ///
    /// # Errors
    /// When storage fails or the network can't be listened to.
    pub async fn browse(&self) -> Result<watch::Receiver<Vec<FoundHost>>, BrowseError> {
        let known = self.hosts().await.map_err(|_| BrowseError::Profile)?;
        discovery::browse(known.into_iter().map(|host| host.id).collect())
    }

    /// Lets the clients learn new addresses from what is found, until the profile stops or `found` ends.
    pub fn follow(&self, mut found: watch::Receiver<Vec<FoundHost>>) {
        let (profile, stop) = (Arc::downgrade(&self.inner), self.inner.stop.clone());
        self.inner.tasks.spawn(stop.run_until_cancelled_owned(async move {
            loop {
                let hosts = found.borrow_and_update().clone();
                for host in hosts {
                    let Some(inner) = profile.upgrade() else { return };
                    let client = host.known.as_ref().and_then(|id| Self { inner }.client(id));
                    if let Some(client) = client
                        && let Err(error) = client.learn_addresses(&host.addresses).await
                    {
                        tracing::warn!(%error, "could not note a new address");
                    }
                }
                if found.changed().await.is_err() {
                    return;
                }
            }
        }));
    }

    /// Stops all clients and waits until they have: what they were saving is saved. Then closes the vault.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.clients().clear();
        self.vault().close().await;
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// Ends the host's client, if it has one.
    pub(crate) fn replace(&self, host: &HostId) {
        if let Some(client) = self.clients().remove(host) {
            client.close();
        }
    }

    pub(crate) fn start_client(&self, host: HostRow, joined: Option<(Link, protocol::SignedIn)>) -> Client {
        let id = host.id.clone();
        let stop = self.inner.stop.child_token();
        let shared = Arc::new(Shared::new(self.store().clone(), self.secrets().clone(), host, stop));
        let (asks, asked) = mpsc::channel(ASKS);
        let client = Client::new(Arc::clone(&shared), asks);
        self.inner.tasks.spawn(Actor::new(shared, asked).run(joined));
        self.clients().insert(id, client.clone());
        client
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<HostId, Client>> {
        self.inner.clients.lock().expect("nothing panics while it holds the list of clients")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl KnownHost {
    fn of(row: HostRow, addresses: Vec<String>) -> Self {
        Self {
            words: row.id.words(),
            id: row.id,
            name: row.name,
            addresses,
            last_member: row.member,
            hosted: row.hosted,
        }
    }
}
