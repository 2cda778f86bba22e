//! The encrypted store of an installation or a host: one folder, one SQLCipher file, several ways to
//! the key.
//!
//! A vault exists so that nothing readable ever reaches the disk, and so that losing one secret
//! (a keyring reset, a forgotten passphrase) never loses the history. Copying the folder moves the host.
//!
//! It refuses to know any table, to run SQL of its own beyond opening, migrating and copying, to make a
//! new vault over one that does not open, and to acknowledge a write that is not on disk.
//!
//! Everything named `blocking`, and [`create`], [`open`] and the slot operations, blocks its thread
//! (password hashing, keyring prompts, fsync): call those from a blocking thread.

mod error;
mod files;
mod key;
pub mod keyring;
mod migration;
mod open;
mod readers;
mod slots;
mod snapshot;
mod writer;

pub use error::{
    CommitError, CopyError, CreateError, KeyFileProblem, OpenError, ReadError, SlotError, SnapshotError,
    WriteError,
};
pub use key::{Randomness, VaultKey};
pub use keyring::{Keyring, KeyringError, OsKeyring};
pub use migration::{Migration, Schema};
pub use open::{Options, create, create_with, exists, open, open_with};
pub use rusqlite;
pub use slots::recovery::{CodeError, RecoveryCode};
pub use slots::{Peek, SlotKind, Unlock, peek};
pub use writer::{Committed, Health, Verdict, Work};
pub use zeroize;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::watch;
use zeroize::Zeroizing;

use files::{Lock, Place};
use readers::Readers;
use slots::SlotList;
use writer::Writer;

/// An open vault. Clones are handles to the same vault; the last one to go closes it, after everything
/// already submitted is on disk.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    // Field order is drop order: the writer closes last of the connections, so that it can leave one
    // clean file, and the folder is released after it.
    readers: Arc<Readers>,
    writer: Writer,
    slots: Mutex<SlotList>,
    slot_change: Mutex<()>,
    key: VaultKey,
    place: Place,
    lock: Mutex<Option<Lock>>,
    /// Copies that are being made are given up.
    closing: Arc<AtomicBool>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("dir", &self.inner.place.dir()).finish_non_exhaustive()
    }
}

impl Vault {
    /// The folder this vault lives in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.inner.place.dir()
    }

    /// A key of its own for `purpose`, always the same for this vault. Purposes are names of ours, such
    /// as `"files"`: they separate keys, they are not secret.
    #[must_use]
    pub fn key_for(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        self.inner.key.derive(purpose)
    }

    /// Runs `job` in the writer's next transaction and resolves once that transaction is on disk
    /// (committed and fsynced). An error from the job undoes the job alone.
    ///
    /// Dropping the future after its first poll does not take the job back.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, WriteError<E>>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: std::error::Error + Send + 'static,
    {
        self.inner.writer.write(job).await
    }

    /// [`Vault::write`] for a thread that may block. Panics inside an asynchronous task.
    pub fn write_blocking<T, E, F>(&self, job: F) -> Result<T, WriteError<E>>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: std::error::Error + Send + 'static,
    {
        self.inner.writer.write_blocking(job)
    }

    /// Queues `work`, waiting while the queue is full. `Ok` only means queued: the answer comes through
    /// [`Work::settle`], exactly once, on the writer thread, in commit order.
    ///
    /// # Errors
    /// [`CommitError::Closed`] after [`Vault::close`]; `settle` is then not called.
    pub async fn submit(&self, work: impl Work + 'static) -> Result<(), CommitError> {
        self.inner.writer.submit(Box::new(work)).await
    }

    /// [`Vault::submit`] without waiting.
    ///
    /// # Errors
    /// Gives the work back when the queue is full or the vault is closed.
    pub fn try_submit<W: Work + 'static>(&self, work: W) -> Result<(), (W, CommitError)> {
        self.inner.writer.try_submit(work)
    }

    /// Sets what runs on the writer thread after each batch, when all its works are settled: the place
    /// to flush what they gathered. Replaces the one before.
    pub fn set_after_batch(&self, after: Box<dyn FnMut() + Send>) {
        self.inner.writer.set_after_batch(after);
    }

    /// Whether writes are accepted now.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.writer.health()
    }

    /// Follows [`Vault::health`].
    #[must_use]
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.inner.writer.watch_health()
    }

    /// Runs `question` on a read-only connection, inside one read transaction: all of it sees the same
    /// moment. Never waits for the writer.
    ///
    /// Must be called within a tokio runtime.
    pub async fn read<T, E, F>(&self, question: F) -> Result<T, ReadError<E>>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        Readers::read(&self.inner.readers, question).await
    }

    /// [`Vault::read`] on the calling thread.
    pub fn read_blocking<T, E, F>(&self, question: F) -> Result<T, ReadError<E>>
    where
        F: FnOnce(&Connection) -> Result<T, E>,
    {
        self.inner.readers.read_blocking(question)
    }

    /// The ways in that this vault has now.
    #[must_use]
    pub fn slots(&self) -> Vec<SlotKind> {
        self.inner.slots.lock().expect("no slot operation panics while it holds the list").kinds()
    }

    /// Adds a way in, or replaces the one of the same kind. Before the old one goes, the file is opened
    /// with the key that comes out of the new one.
    ///
    /// # Errors
    /// Leaves the slots as they were.
    pub fn add_slot(&self, unlock: Unlock<'_>) -> Result<(), SlotError> {
        slots::add(&self.inner, unlock)
    }

    /// Removes a way in. The keyring's entry or the key file stays behind, useless without the slot.
    ///
    /// # Errors
    /// [`SlotError::LastSlot`] for the only one left, [`SlotError::NotThere`] if there is none of this
    /// kind.
    pub fn remove_slot(&self, kind: SlotKind) -> Result<(), SlotError> {
        slots::remove(&self.inner, kind)
    }

    /// A fresh recovery code to show, once. It opens nothing until [`Vault::confirm_recovery_code`].
    ///
    /// # Errors
    /// Only if the system has no randomness.
    pub fn new_recovery_code(&self) -> Result<RecoveryCode, SlotError> {
        Ok(RecoveryCode::random()?)
    }

    /// Makes `code` the recovery slot, replacing an older one, once the person has typed it back.
    ///
    /// # Errors
    /// [`SlotError::NotTheCode`] if what was typed is another code, [`SlotError::Mistyped`] if it is none.
    pub fn confirm_recovery_code(&self, code: &RecoveryCode, typed: &str) -> Result<(), SlotError> {
        if RecoveryCode::parse(typed)? != *code {
            return Err(SlotError::NotTheCode);
        }
        self.add_slot(Unlock::Recovery(&code.reveal()))
    }

    /// Copies the vault as it is at this moment into the folder `to`, which becomes a vault that opens
    /// with the same slots. Neither readers nor the writer wait for it. Blocks its thread.
    ///
    /// # Errors
    /// Refuses a folder that already holds a vault.
    pub fn snapshot_blocking(&self, to: &Path) -> Result<(), SnapshotError> {
        snapshot::take(&self.inner, to)
    }

    /// [`Vault::snapshot_blocking`] on a blocking thread of the current tokio runtime.
    ///
    /// # Errors
    /// As [`Vault::snapshot_blocking`].
    pub async fn snapshot(&self, to: &Path) -> Result<(), SnapshotError> {
        let (vault, to) = (self.clone(), to.to_owned());
        match tokio::task::spawn_blocking(move || vault.snapshot_blocking(&to)).await {
            Ok(taken) => taken,
            Err(_) => Err(SnapshotError::Interrupted),
        }
    }

    /// Runs `job` in one transaction on `copy`, a folder that [`Vault::snapshot`] made and nobody has open: what is
    /// taken out of the vault for good can be taken out of its copies too. Blocks its thread.
    ///
    /// # Errors
    /// [`CopyError::OtherSchema`] for a copy that is not of `schema`'s newest version.
    pub fn change_copy_blocking<T, E>(
        &self,
        copy: &Path,
        schema: &Schema,
        options: Options,
        job: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, CopyError<E>> {
        snapshot::change(&self.inner, copy, (schema, options), job)
    }

    /// Reads every page and says whether they are as written and fit together. Takes time in proportion
    /// to the size; neither readers nor the writer wait for it. Blocks its thread.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] above all.
    pub fn check_blocking(&self) -> Result<(), OpenError> {
        let access = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = self.inner.place.database();
        open::check_in_use(&open::connect(&database, &self.inner.key, access, Options::host())?)
    }

    /// Gives up copies that are being made, commits what is queued, closes the file and lets another process open it.
    /// Other handles then get `Closed`. Dropping the last handle does the same.
    pub async fn close(&self) {
        // First of all, for the writer would wait for a copy's reading.
        self.inner.closing.store(true, Ordering::Relaxed);
        self.inner.writer.close().await;
        let vault = self.clone();
        // Waiting for questions under way is the only thing that takes time; ending without is harmless.
        let _ = tokio::task::spawn_blocking(move || vault.release()).await;
    }

    /// [`Vault::close`] for a thread that may block.
    pub fn close_blocking(&self) {
        self.inner.closing.store(true, Ordering::Relaxed);
        self.inner.writer.close_blocking();
        self.release();
    }

    fn release(&self) {
        self.inner.readers.close();
        drop(self.inner.lock.lock().expect("nothing panics while it holds the lock file").take());
    }
}
