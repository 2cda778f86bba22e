//! What can go wrong with a vault, one enum per operation, each saying what to do next.
//!
//! Never carries a key, a passphrase, a code or a row.

use std::io;
use std::path::{Path, PathBuf};

use crate::key::Randomness;
use crate::keyring::KeyringError;
use crate::migration::MigrationFailure;
use crate::slots::SlotKind;
use crate::slots::recovery::CodeError;

/// Why a vault did not open. The vault is untouched in every case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no vault in the folder.
    #[error("there is no vault in {}; check the folder, or create one", .0.display())]
    Missing(PathBuf),
    /// The vault has no slot of the asked kind.
    #[error("this vault has no {0}; open it in another way")]
    NoSlot(SlotKind),
    /// No program stores secrets in this session.
    #[error(
        "no keyring service is running; start one, or open the vault with its passphrase or recovery code"
    )]
    NoKeyService,
    /// The keyring is locked, and nobody was asked.
    #[error("the keyring is locked; unlock it and try again, or use the passphrase or recovery code")]
    Locked,
    /// The person or the system said no to the keyring's prompt.
    #[error("the keyring refused access; allow it and try again, or use the passphrase or recovery code")]
    Refused,
    /// The keyring works, but this vault's entry is not in it.
    #[error(
        "the keyring no longer holds this vault's key; open it with the passphrase or recovery code and the keyring can be set up anew"
    )]
    EntryMissing,
    /// The keyring did not answer in time.
    #[error(
        "the keyring did not answer in time; answer its prompt and try again, or use the passphrase or recovery code"
    )]
    TimedOut,
    /// The keyring failed in a way of its own.
    #[error("the keyring failed ({0}); try again, or use the passphrase or recovery code")]
    Keyring(String),
    /// The key file cannot be used.
    #[error("the key file {} {problem}", path.display())]
    KeyFile {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        problem: KeyFileProblem,
    },
    /// What was typed is no recovery code.
    #[error("this is not a recovery code: {0}")]
    Mistyped(#[from] CodeError),
    /// The passphrase, code or key does not belong to this vault.
    #[error("this {0} does not open the vault; check it and try again, nothing was changed")]
    WrongKey(SlotKind),
    /// The files are there, but not whole.
    #[error(
        "the vault is damaged ({0}); it was left as it is, restore a snapshot or a backup into another folder"
    )]
    Damaged(String),
    /// A newer Hearth has written this vault.
    #[error(
        "the vault was written by a newer version (schema {found}, this one knows {known}); update and try again"
    )]
    NewerSchema {
        /// The schema the file has.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// Another process has this vault open.
    #[error("the vault in {} is in use by another process; close that one first", .0.display())]
    InUse(PathBuf),
    /// A step to the current schema failed; the file still has the older schema.
    #[error(
        "the step \"{name}\" to the current schema failed; the vault is as before, free some disk space or report this"
    )]
    Migration {
        /// The step.
        name: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The SQLite built in is one that can corrupt files.
    #[error("the built-in SQLite {0} is older than 3.51.3 and can damage data; install a newer build")]
    OldSqlite(&'static str),
    /// The folder or a file in it cannot be used.
    #[error("cannot use {}; check its owner, permissions and free space", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database engine failed.
    #[error("the database cannot be opened; check the disk and its permissions")]
    Storage(#[source] rusqlite::Error),
}

/// Why a vault was not created. Nothing that was there has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A vault, or what is left of one, is in the folder.
    #[error("there is already a vault in {}; open it, or choose another folder", .0.display())]
    Exists(PathBuf),
    /// The first slot could not be made.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The new vault could not be written or opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Why a slot was not added or removed. The slots are as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlotError {
    /// It is the only way in.
    #[error("the {0} is the only way into this vault; add another one first")]
    LastSlot(SlotKind),
    /// There is none of this kind.
    #[error("this vault has no {0}")]
    NotThere(SlotKind),
    /// An empty passphrase protects nothing.
    #[error("the passphrase is empty; choose one of several words")]
    EmptyPassphrase,
    /// What was typed is no recovery code.
    #[error("this is not a recovery code: {0}")]
    Mistyped(#[from] CodeError),
    /// What was typed is another recovery code than the one shown.
    #[error("this is not the code that was shown; compare them and type it again")]
    NotTheCode,
    /// The new slot did not open the file when tried.
    #[error("the new {kind} was tried and does not open the vault; the old ones stay")]
    NotVerified {
        /// The slot that was tried.
        kind: SlotKind,
        /// Why it did not open.
        source: Box<OpenError>,
    },
    /// The keyring did not take the key.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The key file cannot be used.
    #[error("the key file {} {problem}", path.display())]
    KeyFile {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        problem: KeyFileProblem,
    },
    /// No random bytes.
    #[error(transparent)]
    Randomness(#[from] Randomness),
    /// A file of the vault cannot be written.
    #[error("cannot write {}; check its owner, permissions and free space", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What is wrong with a key file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileProblem {
    /// It is not there.
    #[error("does not exist; check the path, or put the file back")]
    Missing,
    /// Somebody else may read it.
    #[error("can be read by other users; set its mode to 0600")]
    Exposed,
    /// It holds something else than a key.
    #[error("does not hold a key of 64 hexadecimal digits; restore it from a copy")]
    Malformed,
    /// The system refused.
    #[error("cannot be used ({0}); check its owner and permissions")]
    Unusable(io::ErrorKind),
}

/// Why a snapshot was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The folder already holds a vault.
    #[error("there is already a vault in {}; choose another folder", .0.display())]
    Exists(PathBuf),
    /// The copy could not be written.
    #[error("cannot write the snapshot to {}; check its owner, permissions and free space", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database engine failed.
    #[error("the snapshot could not be written; check free space")]
    Storage(#[from] rusqlite::Error),
    /// The copy was read back and is not the same.
    #[error("the snapshot does not read back; the disk may be failing")]
    NotVerified,
    /// The runtime stopped meanwhile.
    #[error("the snapshot was interrupted")]
    Interrupted,
}

/// Why a copy was not changed. It is as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError<E> {
    /// The change itself failed.
    #[error(transparent)]
    Job(E),
    /// It does not open with this vault's key.
    #[error(transparent)]
    Open(OpenError),
    /// It was made with another schema.
    #[error("the copy has another schema")]
    OtherSchema,
    /// The database engine failed.
    #[error("the copy could not be changed; check the disk")]
    Storage(#[source] rusqlite::Error),
}

/// Why nothing of a batch, or of one work in it, is on disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// No space left. Free some; later writes are tried again.
    #[error("the disk is full; free some space and send again")]
    DiskFull,
    /// An earlier commit failed in a way that leaves the disk in doubt: no more writes until reopened.
    #[error("the disk failed ({0}); nothing more is written until the vault is opened again")]
    Failed(String),
    /// The batch was undone by SQLite; the next may succeed.
    #[error("the batch was undone ({0})")]
    Undone(String),
    /// The work panicked and was undone alone.
    #[error("the write panicked and was undone")]
    Panicked,
    /// The queue is full (only where waiting was not wanted).
    #[error("too many writes are waiting; try again shortly")]
    Busy,
    /// The vault is closed.
    #[error("the vault is closed")]
    Closed,
}

/// Why a write is not on disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The job itself said no and was undone alone.
    #[error(transparent)]
    Job(E),
    /// No space left; later writes are tried again.
    #[error("the disk is full; free some space and try again")]
    DiskFull,
    /// The disk is in doubt: no more writes until the vault is opened again.
    #[error("the disk failed ({0}); nothing more is written until the vault is opened again")]
    Failed(String),
    /// The batch was undone by SQLite; the next may succeed.
    #[error("the batch was undone ({0})")]
    Undone(String),
    /// The job panicked and was undone alone.
    #[error("the write panicked and was undone")]
    Panicked,
    /// The vault is closed.
    #[error("the vault is closed")]
    Closed,
}

impl<E> From<CommitError> for WriteError<E> {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::DiskFull => Self::DiskFull,
            CommitError::Failed(reason) => Self::Failed(reason),
            CommitError::Undone(reason) => Self::Undone(reason),
            CommitError::Panicked => Self::Panicked,
            CommitError::Busy => Self::Undone("too many writes are waiting".to_owned()),
            CommitError::Closed => Self::Closed,
        }
    }
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError<E> {
    /// The question itself failed.
    #[error(transparent)]
    Job(E),
    /// No connection could be opened.
    #[error("the database cannot be read; check the disk")]
    Storage(#[source] rusqlite::Error),
    /// The question panicked.
    #[error("the read panicked")]
    Panicked,
    /// The vault is closed.
    #[error("the vault is closed")]
    Closed,
}

impl OpenError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// What SQLite says of a file whose key is known to be right.
    pub(crate) fn storage(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(NotADatabase) => Self::Damaged("its first page does not decrypt".to_owned()),
            Some(DatabaseCorrupt) => Self::Damaged("its pages do not fit together".to_owned()),
            _ => Self::Storage(error),
        }
    }
}

impl From<MigrationFailure> for OpenError {
    fn from(failure: MigrationFailure) -> Self {
        match failure {
            MigrationFailure::Newer { found, known } => Self::NewerSchema { found, known },
            MigrationFailure::Step { name, source } => Self::Migration { name, source },
            MigrationFailure::Storage(error) => Self::storage(error),
        }
    }
}

impl From<KeyringError> for OpenError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::NoService => Self::NoKeyService,
            KeyringError::Locked => Self::Locked,
            KeyringError::Refused => Self::Refused,
            KeyringError::Missing => Self::EntryMissing,
            KeyringError::TimedOut => Self::TimedOut,
            KeyringError::Other(what) => Self::Keyring(what),
        }
    }
}
