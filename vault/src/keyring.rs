//! The operating system's keyring: Keychain, Credential Manager or Secret Service.
//!
//! The only file that talks to it. Its calls block on another program and can wait for a person, so each
//! runs on a thread of its own with a deadline; nothing here ever hangs for good or needs an
//! asynchronous runtime. It never falls back to a store that forgets, and never logs what it holds.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use keyring_core::api::CredentialStore;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use crate::key;

/// A place of the system that keeps small secrets by name.
pub trait Keyring: Send + Sync {
    /// Stores `secret` as `name`, replacing what was there.
    ///
    /// # Errors
    /// Nothing is stored then.
    fn set(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError>;

    /// What is stored as `name`.
    ///
    /// # Errors
    /// [`KeyringError::Missing`] may also mean that there is no usable keyring: only [`Keyring::probe`]
    /// can tell.
    fn get(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError>;

    /// Forgets `name`.
    ///
    /// # Errors
    /// [`KeyringError::Missing`] if it was not there.
    fn delete(&self, name: &str) -> Result<(), KeyringError>;

    /// Shows that secrets can be kept: stores one, reads it back and deletes it.
    ///
    /// # Errors
    /// Why they cannot.
    fn probe(&self) -> Result<(), KeyringError> {
        let random = key::random::<24>().map_err(|error| KeyringError::Other(error.to_string()))?;
        let (name, secret) = random.split_at(8);
        let name = format!("probe-{}", hex::encode(name));
        self.set(&name, secret)?;
        let read = self.get(&name);
        let deleted = self.delete(&name);
        if *read? != secret {
            return Err(KeyringError::Other("what was stored does not read back".to_owned()));
        }
        deleted
    }
}

/// Why the keyring did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// No program keeps secrets in this session, or it has no keyring yet.
    #[error("no keyring service is running; start one, or use a passphrase")]
    NoService,
    /// It is locked, and there is no display to ask on.
    #[error("the keyring is locked; unlock it and try again")]
    Locked,
    /// The person or the system said no.
    #[error("the keyring refused access; allow it and try again")]
    Refused,
    /// Nothing is stored under the name.
    #[error("the keyring does not hold this entry")]
    Missing,
    /// No answer within the deadline.
    #[error("the keyring did not answer in time; answer its prompt and try again")]
    TimedOut,
    /// Anything else, in the system's words.
    #[error("the keyring failed: {0}")]
    Other(String),
}

/// The keyring of the signed-in user.
#[derive(Clone)]
pub struct OsKeyring {
    service: String,
    patience: Duration,
    source: Arc<Mutex<Source>>,
}

/// Where entries come from. The platform's store is opened once per process and for good; a store of our
/// own takes its place when the session it was opened in has died.
#[derive(Clone)]
enum Source {
    Platform,
    Lost,
    Rebuilt(Arc<CredentialStore>),
}

enum Failure {
    Store(Error),
    Entry(Error),
}

impl Default for OsKeyring {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for OsKeyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OsKeyring").field("service", &self.service).finish_non_exhaustive()
    }
}

impl OsKeyring {
    /// Hearth's entries. Waits up to a minute for a person to answer a prompt.
    #[must_use]
    pub fn new() -> Self {
        Self::with_patience(Duration::from_secs(60))
    }

    /// [`OsKeyring::new`] with another deadline for each call.
    #[must_use]
    pub fn with_patience(patience: Duration) -> Self {
        Self { service: "hearth".to_owned(), patience, source: Arc::new(Mutex::new(Source::Platform)) }
    }

    fn ask<T, F>(&self, name: &str, question: F) -> Result<T, KeyringError>
    where
        T: Send + 'static,
        F: Fn(&Entry) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = mpsc::sync_channel(1);
        let (asker, name) = (self.clone(), name.to_owned());
        let thread = std::thread::Builder::new().name("keyring".to_owned());
        let asked = thread.spawn(move || {
            let mut result = asker.attempt(&name, &question);
            if matches!(result, Err(Failure::Entry(Error::PlatformFailure(_)))) {
                // The session ends when the service restarts; a fresh one usually works.
                asker.lose();
                result = asker.attempt(&name, &question);
            }
            // Nobody listens after the deadline.
            let _ = answer.send(result.map_err(KeyringError::from));
        });
        asked.map_err(|error| KeyringError::Other(error.to_string()))?;
        match answered.recv_timeout(self.patience) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                // The call that hangs holds the store; the next one gets another.
                self.lose();
                Err(KeyringError::TimedOut)
            }
            Err(RecvTimeoutError::Disconnected) => Err(KeyringError::Other("its client crashed".to_owned())),
        }
    }

    fn attempt<T>(&self, name: &str, question: impl Fn(&Entry) -> Result<T, Error>) -> Result<T, Failure> {
        let entry = self.entry(name)?;
        question(&entry).map_err(Failure::Entry)
    }

    fn entry(&self, name: &str) -> Result<Entry, Failure> {
        let source = self.source().clone();
        match source {
            Source::Platform if ::keyring::Entry::store_status().is_ok() => {
                ::keyring::Entry::new(&self.service, name).map(|entry| entry.inner).map_err(Failure::Store)
            }
            Source::Platform | Source::Lost => {
                let store = fresh_store().map_err(Failure::Store)?;
                *self.source() = Source::Rebuilt(Arc::clone(&store));
                store.build(&self.service, name, None).map_err(Failure::Store)
            }
            Source::Rebuilt(store) => store.build(&self.service, name, None).map_err(Failure::Store),
        }
    }

    fn lose(&self) {
        *self.source() = Source::Lost;
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().expect("nothing panics while it holds the source")
    }
}

impl Keyring for OsKeyring {
    fn set(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
        // Some keyrings keep text only.
        let text = Zeroizing::new(hex::encode(secret));
        self.ask(name, move |entry| entry.set_secret(text.as_bytes()))
    }

    fn get(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let text = self.ask(name, |entry| entry.get_secret().map(Zeroizing::new))?;
        match hex::decode(text.as_slice()) {
            Ok(secret) => Ok(Zeroizing::new(secret)),
            Err(_) => Err(KeyringError::Other("the entry was not written by Hearth".to_owned())),
        }
    }

    fn delete(&self, name: &str) -> Result<(), KeyringError> {
        self.ask(name, Entry::delete_credential)
    }
}

#[cfg(target_os = "linux")]
fn fresh_store() -> Result<Arc<CredentialStore>, Error> {
    let store: Arc<CredentialStore> = zbus_secret_service_keyring_store::Store::new()?;
    Ok(store)
}

// Keychain and Credential Manager have no session that could die.
#[cfg(not(target_os = "linux"))]
fn fresh_store() -> Result<Arc<CredentialStore>, Error> {
    match ::keyring::Entry::store_status() {
        Ok(()) => keyring_core::get_default_store().ok_or(Error::NoDefaultStore),
        Err(_) => Err(Error::NoDefaultStore),
    }
}

impl From<Failure> for KeyringError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(Error::PlatformFailure(_) | Error::NoDefaultStore) => Self::NoService,
            Failure::Store(error) | Failure::Entry(error) => named(&error),
        }
    }
}

fn named(error: &Error) -> KeyringError {
    match error {
        Error::NoEntry => KeyringError::Missing,
        Error::NoDefaultStore => KeyringError::NoService,
        Error::NoStorageAccess(cause) => no_access(&format!("{cause:?}"), has_display()),
        Error::PlatformFailure(cause) if is_cancelled(&cause.to_string()) => KeyringError::Refused,
        Error::PlatformFailure(cause) => KeyringError::Other(cause.to_string()),
        // These can quote what is stored: only their kind is told.
        Error::BadEncoding(_) | Error::BadDataFormat(..) => {
            KeyringError::Other("the entry was not written by Hearth".to_owned())
        }
        Error::Ambiguous(_) => KeyringError::Other("several entries have the same name".to_owned()),
        other => KeyringError::Other(other.to_string()),
    }
}

/// `cause` is the variant's name in the Secret Service client. A prompt that could not be shown counts as
/// dismissed there, so without a display it means locked.
fn no_access(cause: &str, display: bool) -> KeyringError {
    match cause {
        "NoResult" => KeyringError::NoService,
        "Prompt" if display => KeyringError::Refused,
        _ => KeyringError::Locked,
    }
}

fn is_cancelled(cause: &str) -> bool {
    let cause = cause.to_ascii_lowercase();
    cause.contains("cancel") || cause.contains("denied")
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|at| !at.is_empty()))
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
