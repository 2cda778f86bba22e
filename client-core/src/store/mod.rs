//! What this installation keeps, and the only place of this crate with SQL.
//!
//! A [`Store`] is the whole profile, a [`HostStore`] the part that belongs to one host. Everything a host says in one
//! turn is taken by [`HostStore::receive`] in one write. Refuses to know about sockets.

mod announce;
mod receive;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use protocol::{Attention, HostId, RoomId, Seq, Visibility};
use rusqlite::Connection;
use uuid::Uuid;
use vault::{Migration, Schema, Vault};

pub(crate) use receive::{Outcome, Received};

use crate::error::StoreError;

/// Every shape this installation's tables have had, oldest first. A shipped step never changes.
pub(crate) const SCHEMA: Schema = Schema {
    migrations: &[
        Migration { name: "first light", sql: include_str!("schema.sql") },
        Migration { name: "unsure", sql: include_str!("unsure.sql") },
    ],
};

/// One of my rooms, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSummary {
    /// For good.
    pub id: RoomId,
    /// Without the `#`.
    pub name: String,
    /// May be empty.
    pub topic: String,
    /// Who can find it.
    pub visibility: Visibility,
    /// The newest event's number known here.
    pub head: Seq,
    /// How many members it has.
    pub members: u32,
    /// How far I have read it.
    pub mark: Seq,
    /// Messages that wait for me, as [`protocol::counts`] counts them.
    pub unread: u32,
    /// Those of them that mention me.
    pub mentions: u32,
    /// What of it counts for me.
    pub attention: Attention,
}

/// The whole profile.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    vault: Vault,
}

/// The part of the profile that belongs to one host.
#[derive(Debug, Clone)]
pub(crate) struct HostStore {
    pub(crate) store: Store,
    pub(crate) n: i64,
    pub(crate) id: HostId,
}

impl Store {
    pub(crate) const fn new(vault: Vault) -> Self {
        Self { vault }
    }

    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(crate) async fn read<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        Ok(self.vault.read(question).await?)
    }

    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        Ok(self.vault.write(job).await?)
    }
}

impl HostStore {
    pub(crate) async fn read<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection, i64) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let n = self.n;
        self.store.read(move |connection| question(connection, n)).await
    }

    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection, i64) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let n = self.n;
        self.store.write(move |connection| job(connection, n)).await
    }
}

impl HostStore {
    /// [`HostStore::write`] that also calls `announce` with what the job returned, once it is on disk and in the order
    /// of the commits: two announcements never overtake each other.
    pub(crate) async fn write_and_announce<T, F, A>(&self, job: F, announce: A) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection, i64) -> rusqlite::Result<T> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
        T: Send + 'static,
    {
        let n = self.n;
        let job = move |connection: &Connection| job(connection, n);
        Ok(announce::write(&self.store.vault, job, announce).await?)
    }
}

/// The id in column `index`; nil for anything that is none, so that a damaged row never stops a list.
fn uuid(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_slice(&row.get::<_, Vec<u8>>(index)?).unwrap_or_default())
}

fn number(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or_default())
}

/// A number of a log as SQLite holds it; numbers over [`HIGHEST`](crate::sync::plan::HIGHEST) are never stored.
fn stored(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// An enum of the protocol by its name on the wire.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn from_word<T: serde::de::DeserializeOwned>(word: String) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word)).ok()
}
