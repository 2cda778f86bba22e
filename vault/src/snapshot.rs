//! A consistent copy of a vault in use, itself a vault.
//!
//! The copy is encrypted with the same key from its first byte, and counts as a vault only once it is
//! complete and on disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, OpenFlags};

use crate::Inner;
use crate::error::{CopyError, SnapshotError};
use crate::files::{self, Place};
use crate::migration::{self, Schema};
use crate::open::{self, Options};

/// Steps of the database's machine between two looks whether the vault is being closed: some ten microseconds.
const STEPS: std::ffi::c_int = 1_000;

pub(crate) fn take(inner: &Inner, to: &Path) -> Result<(), SnapshotError> {
    let place = Place::new(to);
    if place.taken() {
        return Err(SnapshotError::Exists(to.to_owned()));
    }
    let io = |source| SnapshotError::Io { path: to.to_owned(), source };
    files::make_dir(to).map_err(io)?;
    if place.unfinished().exists() {
        fs::remove_file(place.unfinished()).map_err(io)?;
    }
    let copied = copy_database(inner, &place.unfinished());
    if copied.is_err() {
        // Half a copy would only take space; the reason is what counts.
        let _ = fs::remove_file(place.unfinished());
    }
    copied?;
    copy_slots(inner, &place).map_err(io)?;
    fs::rename(place.unfinished(), place.database()).map_err(io)?;
    place.sync().map_err(io)
}

/// Runs `job` in one transaction on a copy of this vault.
pub(crate) fn change<T, E>(
    inner: &Inner,
    copy: &Path,
    (schema, options): (&Schema, Options),
    job: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, CopyError<E>> {
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let database = Place::new(copy).database();
    let mut conn = open::connect(&database, &inner.key, access, options).map_err(CopyError::Open)?;
    if migration::taken(&conn, schema).ok() != Some(schema.version()) {
        return Err(CopyError::OtherSchema);
    }
    let change = conn.transaction().map_err(CopyError::Storage)?;
    let done = job(&change).map_err(CopyError::Job)?;
    change.commit().map_err(CopyError::Storage)?;
    Ok(done)
}

fn copy_database(inner: &Inner, copy: &Path) -> Result<(), SnapshotError> {
    let io = |source| SnapshotError::Io { path: copy.to_owned(), source };
    // VACUUM INTO accepts an empty file; ours is private from the start.
    files::create_private(copy).map_err(io)?;
    let mut source = connect(inner, &inner.place.database())?;
    let name = copy.to_str().ok_or_else(|| io(std::io::ErrorKind::InvalidFilename.into()))?;
    let closing = Arc::clone(&inner.closing);
    // Else a host that stops would wait for the copy of a large one.
    source.progress_handler(STEPS, Some(move || closing.load(Ordering::Relaxed)))?;
    source.execute("VACUUM INTO ?1", [name])?;
    files::sync_file(copy).map_err(io)?;
    let version = |conn: &Connection| conn.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    if version(&connect(inner, copy)?)? != version(&source)? {
        return Err(SnapshotError::NotVerified);
    }
    Ok(())
}

fn connect(inner: &Inner, database: &Path) -> Result<Connection, SnapshotError> {
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = open::connect(database, &inner.key, access, Options::host());
    conn.map_err(|_| SnapshotError::NotVerified)
}

fn copy_slots(inner: &Inner, place: &Place) -> std::io::Result<()> {
    let list = inner.slots.lock().expect("nothing panics while it holds the list").clone();
    if let Some(key_file) = list.inner_key_file() {
        let from = inner.place.dir().join(&key_file);
        let to = place.dir().join(&key_file);
        if let (true, Some(parent)) = (from.exists(), to.parent()) {
            files::make_dir(parent)?;
            files::replace(&to, &zeroize::Zeroizing::new(fs::read(&from)?))?;
        }
    }
    list.write(place)
}
