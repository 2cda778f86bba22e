//! A schema is the old one or the new one, whatever happens in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use vault::rusqlite::{self, Connection};
use vault::{CreateError, Migration, OpenError, Schema, Unlock, Vault};

use crate::support::{NOTES, PASSPHRASE, child, new_vault, notes, open, write_note};

const AUTHORS: Schema = Schema {
    migrations: &[
        NOTES.migrations[0],
        Migration {
            name: "authors",
            sql: "CREATE TABLE authors (id INTEGER PRIMARY KEY) STRICT; INSERT INTO authors VALUES (1), (2)",
        },
    ],
};

const BROKEN: Schema = Schema {
    migrations: &[
        NOTES.migrations[0],
        Migration {
            name: "half",
            sql: "CREATE TABLE half (id INTEGER) STRICT; CREATE TABLE notes (id INTEGER)",
        },
    ],
};

const ORPHANS: Schema = Schema {
    migrations: &[
        NOTES.migrations[0],
        Migration {
            name: "orphans",
            sql: "CREATE TABLE replies (note INTEGER REFERENCES notes (id)) STRICT; INSERT INTO replies VALUES (9)",
        },
    ],
};

/// Long enough to be killed inside, many times over.
const SLOW: Schema = Schema {
    migrations: &[
        NOTES.migrations[0],
        Migration {
            name: "numbers",
            sql: "CREATE TABLE numbers (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
                  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
                  INSERT INTO numbers SELECT i, hex(randomblob(40)) FROM n;
                  CREATE INDEX numbers_by_text ON numbers (text)",
        },
    ],
};

fn open_as(dir: &Path, schema: &Schema) -> Result<Vault, OpenError> {
    vault::open(dir, Unlock::Passphrase(PASSPHRASE), schema)
}

fn number(conn: &Connection, sql: &str) -> rusqlite::Result<i64> {
    conn.query_row(sql, [], |row| row.get(0))
}

#[test]
fn an_older_schema_is_brought_up_to_date_and_a_newer_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    write_note(&new_vault(dir.path()), "old").unwrap();
    let vault = open_as(dir.path(), &AUTHORS).unwrap();
    assert_eq!(notes(&vault), ["old"]);
    assert_eq!(vault.read_blocking(|conn| number(conn, "SELECT count(*) FROM authors")).unwrap(), 2);
    drop(vault);
    let before = fs::read(dir.path().join("vault.db")).unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::NewerSchema { found: 2, known: 1 })));
    assert_eq!(fs::read(dir.path().join("vault.db")).unwrap(), before);
    open_as(dir.path(), &AUTHORS).unwrap();
}

#[test]
fn a_failing_step_leaves_the_older_schema() {
    let dir = tempfile::tempdir().unwrap();
    write_note(&new_vault(dir.path()), "old").unwrap();
    for broken in [&BROKEN, &ORPHANS] {
        assert!(matches!(open_as(dir.path(), broken), Err(OpenError::Migration { .. })));
        let vault = open(dir.path()).unwrap();
        assert_eq!(notes(&vault), ["old"]);
        let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
        assert_eq!(vault.read_blocking(|conn| number(conn, tables)).unwrap(), 1);
    }
}

#[test]
fn a_vault_whose_first_schema_fails_is_not_created() {
    let dir = tempfile::tempdir().unwrap();
    let created = vault::create(dir.path(), Unlock::Passphrase(PASSPHRASE), &BROKEN);
    assert!(matches!(created, Err(CreateError::Open(OpenError::Migration { name: "half", .. }))));
    assert!(!vault::exists(dir.path()));
    new_vault(dir.path());
}

#[test]
fn foreign_keys_hold_after_opening() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let on = vault.write_blocking(|conn| number(conn, "PRAGMA foreign_keys"));
    assert_eq!(on.unwrap(), 1);
    let full = vault.write_blocking(|conn| number(conn, "PRAGMA synchronous"));
    assert_eq!(full.unwrap(), if cfg!(feature = "asynchronous-commit") { 0 } else { 2 });
}

#[test]
fn killed_inside_a_migration_it_is_old_or_new() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("original");
    write_note(&new_vault(&original), "old").unwrap();
    let (mut old, mut new) = (0, 0);
    for round in 0..12_u64 {
        let copy = dir.path().join(format!("copy {round}"));
        copy_vault(&original, &copy);
        let mut migrating = child("migrating::migrates_slowly");
        let mut migrating =
            migrating.env("VAULT_DIR", &copy).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Not waiting for anything: only spreading the kills over the time a migration takes.
        std::thread::sleep(Duration::from_millis(120 + 60 * round));
        migrating.kill().unwrap();
        migrating.wait().unwrap();
        match open(&copy) {
            Ok(vault) => {
                old += 1;
                assert_eq!(notes(&vault), ["old"]);
                let tables = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'numbers%'";
                assert_eq!(vault.read_blocking(|conn| number(conn, tables)).unwrap(), 0);
            }
            Err(OpenError::NewerSchema { .. }) => {
                new += 1;
                let vault = open_as(&copy, &SLOW).unwrap();
                let all = "SELECT count(*) FROM numbers";
                assert_eq!(vault.read_blocking(|conn| number(conn, all)).unwrap(), 60_000);
            }
            Err(other) => panic!("neither old nor new: {other}"),
        }
    }
    assert_eq!(old + new, 12);
}

#[test]
#[ignore = "run by killed_inside_a_migration_it_is_old_or_new in a process of its own"]
fn migrates_slowly() {
    let dir = PathBuf::from(std::env::var_os("VAULT_DIR").unwrap());
    drop(open_as(&dir, &SLOW).unwrap());
}

fn copy_vault(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in ["vault.db", "slots.json"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}
