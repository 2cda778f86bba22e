//! Making a vault and opening one.
//!
//! A vault exists from the moment `slots.json` does; until then an interrupted creation leaves only an
//! unfinished file, which the next creation replaces. Whatever does not open is left as it is.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use zeroize::Zeroizing;

use crate::error::{CreateError, OpenError};
use crate::files::{self, Lock, LockError, Place};
use crate::key::VaultKey;
use crate::migration::{self, Schema};
use crate::readers::Readers;
use crate::slots::{self, SlotList, Unlock};
use crate::writer::Writer;
use crate::{Inner, Vault};

/// Marks a file as a vault: "Hrth".
const APPLICATION_ID: i32 = 0x4872_7468;

/// Versions before this one can corrupt a file when a checkpoint meets a write.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Another connection of ours holds a lock for milliseconds; more than this is a fault.
const BUSY: Duration = Duration::from_secs(10);

/// Choices of the one who opens.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Wipe freed memory and keep it from being swapped, in the whole process from then on. Costs speed:
    /// on for clients, off for hosts.
    pub memory_security: bool,
    /// Check every page before the vault counts as open. Takes time in proportion to its size.
    pub check: bool,
    /// How many questions are answered at once.
    pub readers: usize,
    /// How much of the file the one who writes keeps in memory once it was needed, in KiB. Pages that a busy batch
    /// changes beyond that are written, and read, twice.
    pub writer_cache: u32,
    /// Run on every connection when it is opened: functions, not data.
    pub on_connect: Option<fn(&Connection) -> rusqlite::Result<()>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory_security: true, check: false, readers: 4, writer_cache: 2048, on_connect: None }
    }
}

impl Options {
    /// What a host takes: speed before wiping memory, and room for the newest pages of a few hundred rooms.
    #[must_use]
    pub fn host() -> Self {
        Self { memory_security: false, writer_cache: 8192, ..Self::default() }
    }
}

/// Whether `dir` holds a vault, whole or not.
#[must_use]
pub fn exists(dir: &Path) -> bool {
    Place::new(dir).taken()
}

/// Makes a vault in `dir` (created if needed) with `unlock` as its first slot, and opens it.
///
/// # Errors
/// [`CreateError::Exists`] if anything that looks like a vault is there.
pub fn create(dir: &Path, unlock: Unlock<'_>, schema: &Schema) -> Result<Vault, CreateError> {
    create_with(dir, unlock, schema, Options::default())
}

/// [`create`] with options.
///
/// # Errors
/// As [`create`].
pub fn create_with(
    dir: &Path,
    unlock: Unlock<'_>,
    schema: &Schema,
    options: Options,
) -> Result<Vault, CreateError> {
    let place = Place::new(dir);
    files::make_dir(dir).map_err(|error| OpenError::io(dir, error))?;
    if place.taken() {
        return Err(CreateError::Exists(dir.to_owned()));
    }
    let lock = lock(&place)?;
    if place.taken() {
        return Err(CreateError::Exists(dir.to_owned()));
    }
    let key = VaultKey::random().map_err(slots::randomness)?;
    let list = SlotList::new().map_err(slots::randomness)?;
    build(&place, &key, schema)?;
    let list = first_slot(&list, unlock, &key, &place)?;
    finish(&place).map_err(|error| OpenError::io(&place.database(), error))?;
    Ok(start(place, lock, key, list, schema, options)?)
}

/// Opens the vault in `dir`, bringing an older schema up to date.
///
/// # Errors
/// Tells every cause apart; the vault is untouched by all of them.
pub fn open(dir: &Path, unlock: Unlock<'_>, schema: &Schema) -> Result<Vault, OpenError> {
    open_with(dir, unlock, schema, Options::default())
}

/// [`open`] with options.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    dir: &Path,
    unlock: Unlock<'_>,
    schema: &Schema,
    options: Options,
) -> Result<Vault, OpenError> {
    let place = Place::new(dir);
    if !place.taken() {
        return Err(OpenError::Missing(dir.to_owned()));
    }
    let lock = lock(&place)?;
    let list = SlotList::read(&place)?;
    if !place.database().exists() && place.unfinished().exists() {
        finish(&place).map_err(|error| OpenError::io(&place.database(), error))?;
    }
    let key = list.unwrap(unlock)?;
    start(place, lock, key, list, schema, options)
}

/// Shows that `key` opens the file, on a connection of its own.
pub(crate) fn try_key(database: &Path, key: &VaultKey) -> Result<(), OpenError> {
    connect(database, key, OpenFlags::SQLITE_OPEN_READ_ONLY, Options::host()).map(drop)
}

/// A keyed and checked connection to an existing file.
pub(crate) fn connect(
    database: &Path,
    key: &VaultKey,
    access: OpenFlags,
    options: Options,
) -> Result<Connection, OpenError> {
    let conn = keyed(database, key, access, options).map_err(OpenError::storage)?;
    let application: i32 =
        conn.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(OpenError::storage)?;
    if application == APPLICATION_ID {
        Ok(conn)
    } else {
        Err(OpenError::Damaged("vault.db is not marked as a vault".to_owned()))
    }
}

fn keyed(
    database: &Path,
    key: &VaultKey,
    access: OpenFlags,
    options: Options,
) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(database, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // The log would write to standard error; the raw key skips key derivation.
    conn.execute_batch("PRAGMA cipher_log_level = NONE")?;
    let digits = Zeroizing::new(hex::encode(key.as_bytes()));
    let pragma = Zeroizing::new(format!("PRAGMA key = \"x'{}'\"", *digits));
    conn.execute_batch(&pragma)?;
    if options.memory_security {
        // For the whole process and never switched off: a host in a desktop shares it with the client.
        conn.execute_batch("PRAGMA cipher_memory_security = ON")?;
    }
    conn.busy_timeout(BUSY)?;
    conn.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; \
         PRAGMA mmap_size = 0; PRAGMA foreign_keys = ON",
    )?;
    // Without this guarantee SQLite prepares every statement with `LIMIT ?` anew each time it is bound, to plan for the
    // number: that cost more than running it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(128);
    if let Some(on_connect) = options.on_connect {
        on_connect(&conn)?;
    }
    Ok(conn)
}

fn lock(place: &Place) -> Result<Lock, OpenError> {
    place.lock().map_err(|error| match error {
        LockError::InUse => OpenError::InUse(place.dir().to_owned()),
        LockError::Io(source) => OpenError::io(place.dir(), source),
    })
}

/// Writes the complete database under its unfinished name.
fn build(place: &Place, key: &VaultKey, schema: &Schema) -> Result<(), OpenError> {
    let path = place.unfinished();
    let io = |error| OpenError::io(&path, error);
    for leftover in [path.clone(), place.dir().join("vault.db.new-journal")] {
        if leftover.exists() {
            fs::remove_file(&leftover).map_err(io)?;
        }
    }
    files::create_private(&path).map_err(io)?;
    let conn = keyed(&path, key, OpenFlags::SQLITE_OPEN_READ_WRITE, Options::host());
    let conn = conn.map_err(OpenError::storage)?;
    conn.execute_batch(&format!("PRAGMA synchronous = FULL; PRAGMA application_id = {APPLICATION_ID}"))
        .map_err(OpenError::storage)?;
    migration::migrate(&conn, schema)?;
    conn.close().map_err(|(_, error)| OpenError::storage(error))?;
    files::sync_file(&path).map_err(io)
}

fn first_slot(
    empty: &SlotList,
    unlock: Unlock<'_>,
    key: &VaultKey,
    place: &Place,
) -> Result<SlotList, CreateError> {
    let list = empty.with(unlock, key, place)?;
    let kept = slots::verify(&list, unlock, &place.unfinished()).and_then(|()| slots::write(&list, place));
    if let Err(error) = kept {
        empty.forget_entries_of(&list, unlock);
        return Err(error.into());
    }
    Ok(list)
}

/// Gives the complete database its name: the last step of a creation, or of one that was interrupted.
fn finish(place: &Place) -> std::io::Result<()> {
    fs::rename(place.unfinished(), place.database())?;
    place.sync()
}

fn start(
    place: Place,
    lock: Lock,
    key: VaultKey,
    list: SlotList,
    schema: &Schema,
    options: Options,
) -> Result<Vault, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::OldSqlite(rusqlite::version()));
    }
    let database = place.database();
    match fs::metadata(&database) {
        // SQLite would take an empty file for a new database.
        Ok(found) if found.len() == 0 => return Err(OpenError::Damaged("vault.db is empty".to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(OpenError::Damaged("vault.db is missing".to_owned()));
        }
        Err(error) => return Err(OpenError::io(&database, error)),
    }
    let conn = connect(&database, &key, OpenFlags::SQLITE_OPEN_READ_WRITE, options)?;
    migration::taken(&conn, schema)?;
    if options.check {
        check(&conn)?;
    }
    make_durable(&conn).map_err(OpenError::storage)?;
    migration::migrate(&conn, schema)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(OpenError::storage)?;
    conn.pragma_update(None, "cache_size", -i64::from(options.writer_cache)).map_err(OpenError::storage)?;
    let writer = Writer::start(conn, place.clone()).map_err(|error| OpenError::io(&database, error))?;
    let readers = Arc::new(Readers::new(database, key.clone(), options));
    let inner = Inner {
        writer,
        readers,
        slots: Mutex::new(list),
        slot_change: Mutex::new(()),
        key,
        place,
        lock: Mutex::new(Some(lock)),
        closing: Arc::default(),
    };
    Ok(Vault { inner: Arc::new(inner) })
}

fn make_durable(conn: &Connection) -> rusqlite::Result<()> {
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(rusqlite::Error::InvalidQuery);
    }
    let synchronous = if cfg!(feature = "asynchronous-commit") { "OFF" } else { "FULL" };
    conn.execute_batch(&format!("PRAGMA synchronous = {synchronous}"))
}

/// Reads every page of a file at rest: first whether each is as it was written, then whether they fit.
fn check(conn: &Connection) -> Result<(), OpenError> {
    match first_line(conn, "PRAGMA cipher_integrity_check")? {
        None => check_in_use(conn),
        Some(_) => Err(OpenError::Damaged("a page is not as it was written".to_owned())),
    }
}

/// Reads every page of a file that may be written meanwhile; each is authenticated as it is read.
pub(crate) fn check_in_use(conn: &Connection) -> Result<(), OpenError> {
    let mut statement = conn.prepare("PRAGMA quick_check").map_err(OpenError::storage)?;
    let verdicts = statement.query_map([], |row| row.get::<_, String>(0)).map_err(OpenError::storage)?;
    for verdict in verdicts {
        let verdict = verdict.map_err(OpenError::storage)?;
        if verdict != "ok" && !is_about_a_value(&verdict) {
            return Err(OpenError::Damaged("its pages do not fit together".to_owned()));
        }
    }
    Ok(())
}

/// Whether the file is whole and only a row in it does not hold what it should: that is for whoever reads the row.
fn is_about_a_value(verdict: &str) -> bool {
    verdict.starts_with("CHECK constraint failed in ") || verdict.contains(" value in ")
}

fn first_line(conn: &Connection, pragma: &str) -> Result<Option<String>, OpenError> {
    conn.query_row(pragma, [], |row| row.get(0)).optional().map_err(OpenError::storage)
}
