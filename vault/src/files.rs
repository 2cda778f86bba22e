//! The files of a vault's folder: their names, who may read them, and how one is replaced for good.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// A vault's folder and the names in it.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.0
    }

    /// The encrypted database.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("vault.db")
    }

    /// A complete database whose vault is still being created: the slots, then the final name, follow.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.0.join("vault.db.new")
    }

    /// What is written to see whether there is room, and thrown away.
    pub(crate) fn trial(&self) -> PathBuf {
        self.0.join("vault.room")
    }

    /// The wrapped keys. A vault exists from the moment this file does.
    pub(crate) fn slots(&self) -> PathBuf {
        self.0.join("slots.json")
    }

    /// Whether a vault, or any part of one that may hold something, is here.
    pub(crate) fn taken(&self) -> bool {
        ["vault.db", "slots.json", "vault.db-wal"].iter().any(|name| self.0.join(name).exists())
    }

    /// Takes the folder for this process.
    pub(crate) fn lock(&self) -> Result<Lock, LockError> {
        let path = self.0.join("vault.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(LockError::Io)?;
        let until = Instant::now() + PASSING;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(PASSING / 20),
                Err(TryLockError::WouldBlock) => return Err(LockError::InUse),
                Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
            }
        }
    }

    /// Makes renames in the folder last.
    pub(crate) fn sync(&self) -> io::Result<()> {
        sync_dir(&self.0)
    }
}

/// A lock that was given up can seem to be held for a moment: a program that is being started elsewhere in this process
/// has a copy of every open file until it runs.
const PASSING: Duration = Duration::from_millis(200);

/// Keeps other processes out of a folder until dropped, or until this process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

#[derive(Debug)]
pub(crate) enum LockError {
    InUse,
    Io(io::Error),
}

/// Creates `dir` and its parents, for the owner only.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Creates a file that must not exist yet, for the owner only.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Puts `bytes` in the place of `path`: a crash leaves the old content or the new.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_extension("next");
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create_private(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&next, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Waits until a finished file is on disk.
pub(crate) fn sync_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.sync_all()
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

// Windows has no handle to sync a folder with; its file systems journal renames.
#[cfg(not(unix))]
fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}
