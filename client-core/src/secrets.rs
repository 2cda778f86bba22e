//! Where session tokens live: in the keyring of the system, or, for a profile that is opened by a passphrase or a key
//! file, in the vault's own encrypted table.
//!
//! Never logs or shows a token, and never falls back from the keyring to the vault by itself when writing.

use std::fmt;
use std::sync::Arc;

use protocol::{HostId, Secret};
use thiserror::Error;
use vault::{Keyring, KeyringError};

use crate::error::StoreError;
use crate::store::HostStore;
use crate::store::table::sessions;

/// Where a profile keeps its session tokens.
#[derive(Clone)]
pub enum SessionSecrets {
    /// In the system's keyring.
    Keyring(Arc<dyn Keyring>),
    /// In the vault itself: for profiles without a keyring.
    Vault,
}

impl fmt::Debug for SessionSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keyring(_) => "Keyring",
            Self::Vault => "Vault",
        })
    }
}

/// Why a token could not be kept or read.
#[derive(Debug, Error)]
pub(crate) enum SecretsError {
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The tokens of one profile.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    place: SessionSecrets,
    profile: String,
}

impl Secrets {
    pub(crate) const fn new(place: SessionSecrets, profile: String) -> Self {
        Self { place, profile }
    }

    /// Shows that tokens can be kept, before an invite is spent.
    pub(crate) async fn probe(&self) -> Result<(), SecretsError> {
        match &self.place {
            SessionSecrets::Vault => Ok(()),
            SessionSecrets::Keyring(keyring) => {
                let keyring = Arc::clone(keyring);
                Ok(blocking(move || keyring.probe()).await?)
            }
        }
    }

    pub(crate) async fn put(&self, store: &HostStore, token: &Secret) -> Result<(), SecretsError> {
        let token = token.0.clone();
        match &self.place {
            SessionSecrets::Vault => {
                Ok(store.write(move |connection, host| sessions::put(connection, host, &token)).await?)
            }
            SessionSecrets::Keyring(keyring) => {
                let (keyring, name) = (Arc::clone(keyring), self.entry(&store.id));
                Ok(blocking(move || keyring.set(&name, token.as_bytes())).await?)
            }
        }
    }

    /// The token of the session with this host, if there is one. A profile that has lost its keyring before may have
    /// it in the vault.
    pub(crate) async fn get(&self, store: &HostStore) -> Result<Option<Secret>, SecretsError> {
        if let SessionSecrets::Keyring(keyring) = &self.place {
            let (keyring, name) = (Arc::clone(keyring), self.entry(&store.id));
            match blocking(move || keyring.get(&name)).await {
                Ok(token) => return Ok(String::from_utf8(token.to_vec()).ok().map(Secret)),
                Err(KeyringError::Missing) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(store.read(sessions::get).await?.map(Secret))
    }

    pub(crate) async fn remove(&self, store: &HostStore) -> Result<(), SecretsError> {
        if let SessionSecrets::Keyring(keyring) = &self.place {
            let (keyring, name) = (Arc::clone(keyring), self.entry(&store.id));
            match blocking(move || keyring.delete(&name)).await {
                Ok(()) | Err(KeyringError::Missing) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(store.write(sessions::remove).await?)
    }

    fn entry(&self, host: &HostId) -> String {
        format!("session-{}-{host}", self.profile)
    }
}

/// Keyring calls wait for other programs and for people: never on a thread that serves sockets.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(_) => Err(KeyringError::Other("the call was interrupted".to_owned())),
    }
}
