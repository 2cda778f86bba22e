//! A host that is not running: the same acts on its folder, and making a folder of a backup.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::HostId;
use vault::rusqlite::Connection;
use vault::{KeyFileProblem, OpenError};

use super::{Administration, Answer, Command, Figures};
use crate::config::Config;
use crate::error::{Refusal, StartError};
use crate::host::Host;
use crate::store::{Denied, figures};

/// A host that is open but not served. Nobody else can open it meanwhile.
#[derive(Debug)]
pub struct Offline(Administration);

impl Offline {
    /// Opens the host of `config`; never makes one.
    ///
    /// # Errors
    /// As [`Server::start`](crate::Server::start) where there is a host, above all that it is running.
    pub async fn open(mut config: Config) -> Result<Self, StartError> {
        if !crate::is_host(&config.data_dir) {
            return Err(vault::OpenError::Missing(config.data_dir).into());
        }
        config.name = None;
        let bound = config.listen;
        let host = tokio::task::spawn_blocking(move || Host::open(config)).await;
        let host = Arc::new(host.map_err(|_| StartError::Interrupted)??);
        Ok(Self(Administration { host, bound }))
    }

    /// Does what is asked, apart from [`Command::Export`].
    ///
    /// # Errors
    /// The refusal.
    pub async fn perform(&self, command: Command) -> Result<Answer, Refusal> {
        self.0.perform(command).await
    }

    /// Gives every line of the canonical export to `take`, until it says no.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn export(&self, take: impl FnMut(String) -> bool + Send + 'static) -> Result<(), Refusal> {
        self.0.export(take).await
    }

    /// Closes the folder.
    pub async fn close(self) {
        self.0.host.vault.close().await;
    }
}

/// What a restored folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The same host as the one that was backed up.
    pub host_id: HostId,
    /// What is in it.
    pub figures: Figures,
}

/// Why a backup was not restored. The target is as before.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something in the target folder.
    #[error("{} is not empty; choose another folder, nothing is ever written over", .0.display())]
    Occupied(PathBuf),
    /// The source is no host.
    #[error("there is no backup of a host in {}; check the path", .0.display())]
    NoBackup(PathBuf),
    /// The target is a file, or a link to nowhere.
    #[error("{} is no folder and can't become one; choose another path", .0.display())]
    NoFolder(PathBuf),
    /// The target would be a part of the backup.
    #[error("{} lies in the backup itself; choose a folder outside of it", .0.display())]
    Inside(PathBuf),
    /// The source is a folder in use.
    #[error("the host in {} is running; restore from a backup of it, or stop it first", .0.display())]
    InUse(PathBuf),
    /// A file can't be read or written.
    #[error("cannot copy {}: {problem}; check permissions and free space", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        problem: io::Error,
    },
    /// The key that opens it is kept apart from it.
    #[error("the backup's key is not in it; say by --key-file where it is, as it was said to the host")]
    NoKey,
    /// The copy does not open as a host.
    #[error("the backup does not open: {0}")]
    Open(#[source] Box<StartError>),
    /// The copy opens but is not whole.
    #[error("the backup is not whole: {0}")]
    NotWhole(String),
}

/// Makes the folder of `config` from the backup in `from`, which stays as it is. The folder appears only once the
/// copy has been opened and every page of it read.
///
/// # Errors
/// [`RestoreError`] tells every cause apart.
pub async fn restore(from: PathBuf, config: Config) -> Result<Restored, RestoreError> {
    if !crate::is_host(&from) {
        return Err(RestoreError::NoBackup(from));
    }
    let to = resolved(&config.data_dir)?;
    if fs::canonicalize(&from).is_ok_and(|from| to != from && to.starts_with(from)) {
        return Err(RestoreError::Inside(to));
    }
    if fs::read_dir(&to).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(RestoreError::Occupied(to));
    }
    let unfinished = beside(&to);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|problem| failed(&unfinished, problem))?;
    }
    let copy = unfinished.clone();
    let copied = tokio::task::spawn_blocking(move || {
        let _still = unused(&from)?;
        copy_folder(&from, &copy)
    });
    let made = async {
        copied.await.map_err(|_| RestoreError::NotWhole("the program is ending".into()))??;
        let restored = look_through(Config { data_dir: unfinished.clone(), ..config }).await?;
        // An empty folder may be there already, made by a packager or systemd.
        let _ = fs::remove_dir(&to);
        fs::rename(&unfinished, &to).map_err(|problem| failed(&to, problem))?;
        Ok(restored)
    };
    let restored = made.await;
    if restored.is_err() {
        // Half a host helps nobody; the reason is what counts.
        let _ = fs::remove_dir_all(&unfinished);
    }
    restored
}

/// Where a folder really is or will be: a service's folder is often a link to another one.
fn resolved(folder: &Path) -> Result<PathBuf, RestoreError> {
    if fs::symlink_metadata(folder).is_ok() {
        let real = fs::canonicalize(folder).ok().filter(|real| real.is_dir());
        return real.ok_or_else(|| RestoreError::NoFolder(folder.to_owned()));
    }
    let failed = |problem| failed(folder, problem);
    let whole = std::path::absolute(folder).map_err(failed)?;
    let there = whole.ancestors().skip(1).find(|path| path.exists()).unwrap_or(Path::new("/"));
    let rest = whole.strip_prefix(there).unwrap_or(&whole);
    Ok(fs::canonicalize(there).map_err(failed)?.join(rest))
}

async fn look_through(config: Config) -> Result<Restored, RestoreError> {
    let key = config.data_dir.join("key");
    let host = Offline::open(config).await.map_err(|error| match error {
        StartError::Open(OpenError::KeyFile { path, problem: KeyFileProblem::Missing }) if path == key => {
            RestoreError::NoKey
        }
        error => RestoreError::Open(Box::new(error)),
    })?;
    let found = async {
        host.perform(Command::Check).await?;
        // The copy is the new place, even if it was taken at the old one after the note was written.
        if host.0.host.moved.load().is_some() {
            host.perform(Command::ComeHome).await?;
        }
        let counted =
            host.0.host.read(|conn: &Connection| -> Result<_, Denied> { Ok(figures::count(conn)?) });
        Ok::<_, Refusal>(Restored { host_id: host.0.host.identity.id().clone(), figures: counted.await? })
    };
    let found = found.await.map_err(|refusal| RestoreError::NotWhole(refusal.message));
    host.close().await;
    found
}

/// A folder that becomes `to` by one rename.
fn beside(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    to.with_file_name(name)
}

/// Keeps a host from starting in the folder while it is copied.
fn unused(from: &Path) -> Result<Option<File>, RestoreError> {
    let path = from.join("vault.lock");
    let Ok(file) = File::open(&path) else { return Ok(None) };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Err(RestoreError::InUse(from.to_owned())),
        Err(fs::TryLockError::Error(problem)) => Err(failed(&path, problem)),
    }
}

/// Copies files and folders, for the owner only; sockets and locks stay behind.
fn copy_folder(from: &Path, to: &Path) -> Result<(), RestoreError> {
    make_private(to).map_err(|problem| failed(to, problem))?;
    for entry in fs::read_dir(from).map_err(|problem| failed(from, problem))? {
        let entry = entry.map_err(|problem| failed(from, problem))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(|problem| failed(&path, problem))?;
        if kind.is_dir() {
            copy_folder(&path, &target)?;
        } else if kind.is_file() && entry.file_name() != "vault.lock" {
            copy_file(&path, &target).map_err(|problem| failed(&path, problem))?;
        }
    }
    Ok(())
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut copy = options.open(to)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()
}

fn failed(path: &Path, problem: io::Error) -> RestoreError {
    RestoreError::Io { path: path.to_owned(), problem }
}
