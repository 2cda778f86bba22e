//! One turn of the writer: gather, run, commit, settle, and now and then checkpoint.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, ffi};
use tokio::sync::{mpsc, watch};

use super::space::{self, Space};
use super::{AfterBatch, Committed, Health, Order, QUEUE, Verdict, Work};
use crate::error::CommitError;
use crate::files::Place;

/// A batch is closed after this long even if more waits, so that the first in it is not kept waiting.
const LONGEST_BATCH: Duration = Duration::from_millis(50);

/// Pages in the write-ahead log (4 KiB each) before they are moved into the file.
const CHECKPOINT: i32 = 1000;
/// Pages after which readers are waited for, because a log that is always read would grow for ever.
const INSIST: i32 = 16 * CHECKPOINT;

/// What SQLite's error means for those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Full,
    /// The connection does not write.
    Shut,
    Disk,
    Passing,
}

/// The writer thread's own state.
pub(super) struct Desk {
    conn: Connection,
    queue: mpsc::Receiver<Order>,
    own_queue: mpsc::WeakSender<Order>,
    health: watch::Sender<Health>,
    after_batch: AfterBatch,
    log_pages: Arc<AtomicI32>,
    space: Space,
    reminder: Option<JoinHandle<()>>,
    /// Whether the connection refuses to write.
    query_only: bool,
}

/// A work that has run, and why it alone is not kept.
type Ran = (Box<dyn Work>, Committed);

impl Desk {
    pub(super) fn new(
        (mut conn, place): (Connection, Place),
        (queue, own_queue): (mpsc::Receiver<Order>, mpsc::WeakSender<Order>),
        health: watch::Sender<Health>,
        after_batch: AfterBatch,
    ) -> Self {
        let log_pages = Arc::new(AtomicI32::new(0));
        let pages = Arc::clone(&log_pages);
        // Taking the hook switches automatic checkpoints off: theirs hide a failed fsync.
        let hooked = conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count| {
            pages.store(count, Ordering::Relaxed);
            Ok(())
        }));
        if let Err(error) = hooked {
            tracing::warn!(%error, "checkpoints stay automatic");
        }
        let space = Space::new(place);
        Self {
            conn,
            queue,
            own_queue,
            health,
            after_batch,
            log_pages,
            space,
            reminder: None,
            query_only: false,
        }
    }

    /// Serves until the vault is closed and the queue is empty, then leaves one file.
    pub(super) fn work(mut self) {
        while let Some(order) = self.queue.blocking_recv() {
            match order {
                Order::Work(work) => self.turn(work),
                Order::Look => self.look_for_room(),
                Order::Close => self.queue.close(),
            }
        }
        if self.failure().is_none() {
            // Without this the log is replayed at the next start, which is slower and no less right.
            let _ = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    fn turn(&mut self, first: Box<dyn Work>) {
        if let Some(reason) = self.failure() {
            settle(first, Err(CommitError::Failed(reason)));
            return;
        }
        self.look_for_room();
        let mut ran = Vec::new();
        // A connection that refuses to write refuses to begin with the intent, too.
        let begin = if self.query_only { "BEGIN" } else { "BEGIN IMMEDIATE" };
        let gathered = match self.conn.execute_batch(begin) {
            Ok(()) => self.gather(first, &mut ran),
            Err(error) => {
                ran.push((first, Ok(())));
                Err(self.judge(fault(&error), &error))
            }
        };
        if cfg!(feature = "asynchronous-commit") {
            self.settle_all(std::mem::take(&mut ran), &Ok(()));
            std::thread::sleep(Duration::from_millis(20));
        }
        let committed = gathered.and_then(|()| self.commit());
        if let Err(error) = &committed {
            tracing::warn!(%error, works = ran.len(), "a batch is not on disk");
            self.roll_back();
        }
        self.settle_all(ran, &committed);
        self.checkpoint();
        self.look_for_room();
    }

    /// Runs what waits, up to a bound. An error means that the whole transaction is undone.
    fn gather(&mut self, first: Box<dyn Work>, ran: &mut Vec<Ran>) -> Committed {
        let began = Instant::now();
        let mut next = Some(first);
        while let Some(mut work) = next.take() {
            let (kept, batch) = self.run(&mut *work);
            ran.push((work, kept));
            batch?;
            if ran.len() < QUEUE && began.elapsed() < LONGEST_BATCH {
                next = self.next_work();
            }
        }
        Ok(())
    }

    fn next_work(&mut self) -> Option<Box<dyn Work>> {
        loop {
            match self.queue.try_recv() {
                Ok(Order::Work(work)) => return Some(work),
                Ok(Order::Look) => {}
                Ok(Order::Close) => self.queue.close(),
                Err(_) => return None,
            }
        }
    }

    /// Runs one work in a savepoint: what becomes of it, and whether the batch can go on.
    fn run(&mut self, work: &mut dyn Work) -> (Committed, Committed) {
        if let Err(error) = self.execute("SAVEPOINT work") {
            return (Ok(()), Err(self.judge(fault(&error), &error)));
        }
        // A work that panics is not run again, and what it wrote is undone.
        let verdict = catch_unwind(AssertUnwindSafe(|| work.run(&self.conn)));
        let (keep, kept) = match verdict {
            Ok(Verdict::Keep) => (true, Ok(())),
            Ok(Verdict::Undo) => (false, Ok(())),
            Ok(Verdict::DiskFull) => (false, Err(self.judge(Fault::Full, &"no space"))),
            Ok(Verdict::NotWritten) => (false, Err(self.judge(Fault::Shut, &"the vault is read-only"))),
            Ok(Verdict::DiskFailed) => {
                let failed = Err(self.judge(Fault::Disk, &"a write failed"));
                return (failed.clone(), failed);
            }
            Err(_) => (false, Err(CommitError::Panicked)),
        };
        if self.conn.is_autocommit() {
            // SQLite undoes everything for some errors; then nothing of the batch is there any more.
            let undone = || CommitError::Undone("its transaction ended early".to_owned());
            return (Ok(()), Err(kept.err().unwrap_or_else(undone)));
        }
        let undone = if keep { Ok(()) } else { self.execute("ROLLBACK TO work") };
        match undone.and_then(|()| self.execute("RELEASE work")) {
            Ok(()) => (kept, Ok(())),
            Err(error) => (kept, Err(self.judge(fault(&error), &error))),
        }
    }

    fn commit(&self) -> Committed {
        match self.conn.execute_batch("COMMIT") {
            Ok(()) => Ok(()),
            Err(error) => Err(self.judge(commit_fault(&error), &error)),
        }
    }

    fn roll_back(&self) {
        if !self.conn.is_autocommit() {
            // If even this fails, closing the connection undoes it.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }

    fn settle_all(&mut self, ran: Vec<Ran>, committed: &Committed) {
        for (work, kept) in ran {
            settle(work, committed.clone().and(kept));
        }
        let after = self.after_batch.lock();
        let mut after = after.expect("a panic of the hook is caught before it ends the lock");
        if let Some(after) = after.as_mut()
            && catch_unwind(AssertUnwindSafe(after)).is_err()
        {
            tracing::error!("the hook after a batch panicked");
        }
    }

    /// Moves the log into the file when it has grown. Done here, so that a disk that fails is noticed.
    fn checkpoint(&mut self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < CHECKPOINT || self.is_full() {
            return;
        }
        let how =
            if pages < INSIST { "PRAGMA wal_checkpoint(PASSIVE)" } else { "PRAGMA wal_checkpoint(RESTART)" };
        match self.conn.query_row(how, [], |_| Ok(())) {
            Ok(()) => self.log_pages.store(0, Ordering::Relaxed),
            Err(error) => {
                let told = self.judge(commit_fault(&error), &error);
                tracing::warn!(error = %told, "the log was not moved into the file");
            }
        }
    }

    /// While the disk is full: lets what needs no space go on, and ends that state once there is room.
    fn look_for_room(&mut self) {
        if self.is_full() && self.space.has_room(&self.conn) {
            tracing::info!("there is room on the disk again");
            self.health.send_replace(Health::Writable);
        }
        let is_full = self.is_full();
        if is_full && self.reminder.as_ref().is_none_or(JoinHandle::is_finished) {
            // Without it, the next one who writes looks.
            self.reminder = space::remind(self.own_queue.clone(), self.health.subscribe()).ok();
        }
        if is_full != self.query_only && self.conn.pragma_update(None, "query_only", is_full).is_ok() {
            self.query_only = is_full;
        }
    }

    fn is_full(&self) -> bool {
        matches!(*self.health.borrow(), Health::ReadOnly(_))
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn failure(&self) -> Option<String> {
        match &*self.health.borrow() {
            Health::Failed(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    /// Draws the consequences of a fault and says what the works are told.
    fn judge(&self, fault: Fault, cause: &dyn std::fmt::Display) -> CommitError {
        let cause = cause.to_string();
        match fault {
            // Shut by ourselves, or by whoever protected the file from us.
            Fault::Shut if self.query_only => CommitError::DiskFull,
            Fault::Passing | Fault::Shut => CommitError::Undone(cause),
            Fault::Full => {
                self.turn_to(Health::ReadOnly("the disk is full".to_owned()));
                CommitError::DiskFull
            }
            Fault::Disk => {
                self.turn_to(Health::Failed(cause.clone()));
                CommitError::Failed(cause)
            }
        }
    }

    fn turn_to(&self, health: Health) {
        self.health.send_if_modified(|now| {
            let changed = *now != health && !matches!(now, Health::Failed(_));
            if changed {
                *now = health;
            }
            changed
        });
    }
}

fn settle(work: Box<dyn Work>, committed: Committed) {
    if catch_unwind(AssertUnwindSafe(|| work.settle(committed))).is_err() {
        tracing::error!("settling a write panicked");
    }
}

/// Looks for SQLite's error among an error's sources.
pub(super) fn fault_in(error: &(dyn std::error::Error + 'static)) -> Option<Fault> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rusqlite::Error>() {
            return Some(fault(error));
        }
        if let Some(error) = error.downcast_ref::<ffi::Error>() {
            return Some(fault_of(error));
        }
        next = error.source();
    }
    None
}

fn fault(error: &rusqlite::Error) -> Fault {
    error.sqlite_error().map_or(Fault::Passing, fault_of)
}

/// Within a transaction only failed writing counts against the disk: one page that cannot be read must
/// not stop all others.
fn fault_of(error: &ffi::Error) -> Fault {
    match error.extended_code {
        // No room for the log's index, which is rebuilt at will.
        ffi::SQLITE_IOERR_SHMSIZE => Fault::Full,
        ffi::SQLITE_IOERR_WRITE
        | ffi::SQLITE_IOERR_FSYNC
        | ffi::SQLITE_IOERR_DIR_FSYNC
        | ffi::SQLITE_IOERR_TRUNCATE => Fault::Disk,
        ffi::SQLITE_READONLY => Fault::Shut,
        _ if error.code == ErrorCode::DiskFull => Fault::Full,
        _ => Fault::Passing,
    }
}

/// When a commit fails, whatever is not known to be harmless counts against the disk.
fn commit_fault(error: &rusqlite::Error) -> Fault {
    use ErrorCode::{ConstraintViolation, DatabaseBusy, DatabaseLocked, OperationInterrupted, OutOfMemory};
    match (fault(error), error.sqlite_error_code()) {
        (Fault::Full, _) => Fault::Full,
        (
            _,
            Some(ConstraintViolation | DatabaseBusy | DatabaseLocked | OperationInterrupted | OutOfMemory),
        ) => Fault::Passing,
        _ => Fault::Disk,
    }
}
