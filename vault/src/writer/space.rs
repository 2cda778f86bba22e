//! Whether a disk that was full has room again.
//!
//! One small write that succeeds does not show it: it may have found its place in the log's file, and the next one finds
//! none. So the system is asked how much is free, and then as much as the log usually takes is really written, and thrown
//! away. Before that the vault stays read-only, for small writes as for large ones.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::{Health, Order};
use crate::files::{self, Place};

/// What must fit: the log at the size at which it is moved into the file.
const ROOM: u64 = PAGE * 1024;

/// SQLCipher's page.
const PAGE: u64 = 4096;

/// How often is looked while nobody writes, and the least time between two trial writes.
const EVERY: Duration = Duration::from_millis(500);

/// Looks for room beside one vault.
pub(super) struct Space {
    place: Place,
    tried: Option<Instant>,
}

impl Space {
    pub(super) fn new(place: Place) -> Self {
        Self { place, tried: None }
    }

    /// Whether there is room. Cheap as long as the system says that there is none.
    pub(super) fn has_room(&mut self, conn: &Connection) -> bool {
        let hopeless = free(self.place.dir()).is_some_and(|free| free < ROOM);
        let just_tried = self.tried.is_some_and(|tried| tried.elapsed() < EVERY);
        if hopeless || just_tried || !may_grow(conn).unwrap_or(false) {
            return false;
        }
        self.tried = Some(Instant::now());
        match try_write(&self.place.trial()) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "there is no room yet");
                false
            }
        }
    }
}

/// Whether the file is not at a bound of its own.
fn may_grow(conn: &Connection) -> rusqlite::Result<bool> {
    let number = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let (most, now) = (number("PRAGMA max_page_count")?, number("PRAGMA page_count")?);
    Ok(u64::try_from(most.saturating_sub(now)).is_ok_and(|left| left >= ROOM / PAGE))
}

/// Writes as much as must fit to a file of its own, down to the disk, and leaves nothing of it.
fn try_write(path: &Path) -> io::Result<()> {
    // One that a killed process has left would not be private, nor ours.
    let _ = fs::remove_file(path);
    let written = files::create_private(path).and_then(|mut file| {
        let mut piece = vec![0; 64 * 1024];
        for _ in 0..ROOM / piece.len() as u64 {
            // Nothing that a file system could press together.
            getrandom::fill(&mut piece)?;
            file.write_all(&piece)?;
        }
        file.sync_all()
    });
    fs::remove_file(path).and(written)
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    rustix::fs::statvfs(folder).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<u64> {
    None
}

/// Reminds the writer to look, on a thread of its own, until there is room or no vault: with nobody writing, nobody else
/// would.
pub(super) fn remind(
    orders: mpsc::WeakSender<Order>,
    health: watch::Receiver<Health>,
) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("vault-space".to_owned()).spawn(move || {
        loop {
            thread::sleep(EVERY);
            let is_full = matches!(*health.borrow(), Health::ReadOnly(_));
            let (true, Some(orders)) = (is_full, orders.upgrade()) else { return };
            // With a full queue, the writer looks by itself at every turn.
            let _ = orders.try_send(Order::Look);
        }
    })
}
