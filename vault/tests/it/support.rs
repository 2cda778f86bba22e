//! What several stories share.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use vault::rusqlite::{self, Connection};
use vault::zeroize::Zeroizing;
use vault::{Keyring, KeyringError, Migration, Schema, Unlock, Vault};

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

pub(crate) const NOTES: Schema = Schema {
    migrations: &[Migration {
        name: "notes",
        sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
    }],
};

/// A vault with the passphrase slot and the table of [`NOTES`].
pub(crate) fn new_vault(dir: &Path) -> Vault {
    vault::create(dir, Unlock::Passphrase(PASSPHRASE), &NOTES).unwrap()
}

pub(crate) fn open(dir: &Path) -> Result<Vault, vault::OpenError> {
    vault::open(dir, Unlock::Passphrase(PASSPHRASE), &NOTES)
}

pub(crate) fn note(conn: &Connection, text: &str) -> rusqlite::Result<()> {
    conn.execute("INSERT INTO notes (text) VALUES (?1)", [text]).map(drop)
}

pub(crate) fn notes(vault: &Vault) -> Vec<String> {
    let all = |conn: &Connection| {
        let mut statement = conn.prepare("SELECT text FROM notes ORDER BY id")?;
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
    };
    vault.read_blocking(all).unwrap()
}

pub(crate) fn write_note(vault: &Vault, text: &str) -> Result<(), vault::WriteError<rusqlite::Error>> {
    let text = text.to_owned();
    vault.write_blocking(move |conn| note(conn, &text))
}

/// Runs the ignored test `name` of this very binary in a process of its own.
pub(crate) fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(child_arguments(name));
    command
}

pub(crate) fn child_arguments(name: &str) -> [&str; 4] {
    ["--exact", name, "--ignored", "--nocapture"]
}

/// A keyring in memory, to play every answer a real one can give.
#[derive(Default)]
pub(crate) struct MemoryKeyring {
    pub(crate) entries: Mutex<HashMap<String, Vec<u8>>>,
    pub(crate) broken: Mutex<Option<KeyringError>>,
    pub(crate) forgetful: bool,
}

impl MemoryKeyring {
    pub(crate) fn break_with(&self, error: Option<KeyringError>) {
        *self.broken.lock().unwrap() = error;
    }

    fn working(&self) -> Result<(), KeyringError> {
        self.broken.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl Keyring for MemoryKeyring {
    fn set(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
        self.working()?;
        if !self.forgetful {
            self.entries.lock().unwrap().insert(name.to_owned(), secret.to_vec());
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        self.working()?;
        let found = self.entries.lock().unwrap().get(name).cloned();
        found.map(Zeroizing::new).ok_or(KeyringError::Missing)
    }

    fn delete(&self, name: &str) -> Result<(), KeyringError> {
        self.working()?;
        self.entries.lock().unwrap().remove(name).map(drop).ok_or(KeyringError::Missing)
    }
}
