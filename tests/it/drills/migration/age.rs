//! Vaults of older hosts, made of one of today: what later steps brought is taken away again, and what they changed is as
//! it was.
//!
//! It looks at vaults as a host does, by their slots and key, and never brings one up to date.

use std::collections::BTreeMap;
use std::path::Path;

use server_core::SCHEMA;
use tests::wait;
use vault::rusqlite::{self, Connection};
use vault::{OpenError, Options, Schema, Unlock, Vault};

/// What a database is made of: kind and text, by name.
type Parts = BTreeMap<String, (String, String)>;

/// Makes of a host's vault one that only the first `age` steps were taken in.
pub(super) fn set_back(folder: &Path, age: usize) {
    let wanted = parts_at(age);
    let vault = open(folder, SCHEMA.migrations.len());
    vault.write_blocking(move |conn| turn_back(conn, &wanted, age)).unwrap();
    vault.close_blocking();
}

/// How many steps were taken in a host's vault. Panics if what is there is not what they make.
pub(super) fn of(folder: &Path) -> usize {
    let found = match open_as(folder, Schema { migrations: &[] }) {
        Err(OpenError::NewerSchema { found, .. }) => usize::try_from(found).unwrap(),
        other => panic!("not a vault of a host: {other:?}"),
    };
    let vault = open(folder, found);
    let parts = vault.read_blocking(parts).unwrap();
    vault.check_blocking().unwrap();
    vault.close_blocking();
    assert_eq!(parts, parts_at(found), "between two schemas");
    found
}

/// Takes the next step without its number, as no host ever does.
pub(super) fn take_half_a_step(folder: &Path) {
    let age = of(folder);
    let vault = open(folder, age);
    vault.write_blocking(move |conn| conn.execute_batch(SCHEMA.migrations[age].sql)).unwrap();
    vault.close_blocking();
}

/// Opens a vault of exactly this age.
fn open(folder: &Path, age: usize) -> Vault {
    open_as(folder, Schema { migrations: &SCHEMA.migrations[..age] }).unwrap()
}

fn open_as(folder: &Path, schema: Schema) -> Result<Vault, OpenError> {
    let key = folder.join("key");
    let opened = wait::until("a folder that nobody holds", || {
        match vault::open_with(folder, Unlock::KeyFile(&key), &schema, Options::host()) {
            // A program that another story is about to start holds all that is open, for a moment.
            Err(OpenError::InUse(_)) => None,
            opened => Some(opened),
        }
    });
    opened.unwrap()
}

fn parts_at(age: usize) -> Parts {
    let conn = Connection::open_in_memory().unwrap();
    for migration in &SCHEMA.migrations[..age] {
        conn.execute_batch(migration.sql).unwrap();
    }
    parts(&conn).unwrap()
}

fn parts(conn: &Connection) -> rusqlite::Result<Parts> {
    let listed = "SELECT name, type, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'";
    conn.prepare(listed)?.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?.collect()
}

fn turn_back(conn: &Connection, wanted: &Parts, age: usize) -> rusqlite::Result<()> {
    // References are only let go of outside a transaction; the writer finds its own again afterwards.
    conn.execute_batch("ROLLBACK; PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE")?;
    let found = parts(conn)?;
    for (name, (kind, text)) in &found {
        if wanted.get(name).is_none_or(|(_, before)| before != text) && kind != "table" {
            conn.execute_batch(&format!("DROP {kind} IF EXISTS \"{name}\""))?;
        }
    }
    // Those of an index go with it.
    let is_virtual = |text: &str| text.starts_with("CREATE VIRTUAL");
    let tables = || found.iter().filter(|(_, (kind, _))| kind == "table");
    for (name, _) in tables().filter(|(_, (_, text))| is_virtual(text)) {
        if !wanted.contains_key(name) {
            conn.execute_batch(&format!("DROP TABLE \"{name}\""))?;
        }
    }
    for (name, (_, text)) in tables().filter(|(_, (_, text))| !is_virtual(text)) {
        match wanted.get(name) {
            None => conn.execute_batch(&format!("DROP TABLE IF EXISTS \"{name}\""))?,
            Some((_, before)) if before != text => make_as_before(conn, name, before)?,
            Some(_) => {}
        }
    }
    for (name, (kind, before)) in wanted {
        let is_there = parts(conn)?.contains_key(name);
        if !is_there && kind != "table" {
            conn.execute_batch(before)?;
        }
    }
    conn.execute_batch(&format!("PRAGMA user_version = {age}; COMMIT"))?;
    assert_eq!(parts(conn)?, *wanted, "it could not be set back to {age}");
    conn.execute_batch("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE; SAVEPOINT work")
}

/// A table with the columns it had, and what stands in them.
fn make_as_before(conn: &Connection, name: &str, before: &str) -> rusqlite::Result<()> {
    let columns = |table: &str| -> rusqlite::Result<Vec<String>> {
        let listed = format!("SELECT name FROM pragma_table_info('{table}')");
        conn.prepare(&listed)?.query_map([], |row| row.get(0))?.collect()
    };
    let now = columns(name)?;
    conn.execute_batch("PRAGMA legacy_alter_table = ON")?;
    conn.execute_batch(&format!("ALTER TABLE \"{name}\" RENAME TO later; {before}"))?;
    let kept =
        columns(name)?.into_iter().filter(|column| now.contains(column)).collect::<Vec<_>>().join(", ");
    conn.execute_batch(&format!(
        "INSERT INTO \"{name}\" ({kept}) SELECT {kept} FROM later; DROP TABLE later"
    ))?;
    conn.execute_batch("PRAGMA legacy_alter_table = OFF")
}
