//! The one thread that writes.
//!
//! It gathers all that waits into one transaction, so that one fsync acknowledges many. Nothing is
//! settled before it is on disk, everything is settled in commit order, and after a disk has failed
//! once nothing is acknowledged any more: what an fsync lost cannot be known.

mod call;
mod space;
mod turn;

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{CommitError, WriteError};
use crate::files::Place;
use call::Call;
use turn::Desk;

/// How many works wait before those who submit wait too, and the most that one transaction gathers.
pub(crate) const QUEUE: usize = 1024;

/// A piece of writing that is asked back after the commit.
pub trait Work: Send {
    /// Reads and writes, inside a savepoint of the batch's transaction. Must not begin, commit or roll
    /// back itself, and should take milliseconds: others wait for the same commit.
    fn run(&mut self, conn: &Connection) -> Verdict;

    /// Called exactly once for each work that was queued, on the writer thread, in commit order. `Ok`
    /// means: what [`Work::run`] decided is on disk. After an error nothing of this work is.
    fn settle(self: Box<Self>, committed: Committed);
}

/// What becomes of one work's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are committed with the batch.
    Keep,
    /// They are undone; the rest of the batch is not touched.
    Undo,
    /// They are undone because there was no space; [`Work::settle`] gets [`CommitError::DiskFull`].
    DiskFull,
    /// They are undone because the vault does not write while the disk is full; [`Work::settle`] gets
    /// [`CommitError::DiskFull`].
    NotWritten,
    /// They are undone because the disk failed; the vault stops writing.
    DiskFailed,
}

impl Verdict {
    /// The verdict for an error of a work: looks for SQLite's own error among its sources.
    #[must_use]
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        match turn::fault_in(error) {
            Some(turn::Fault::Full) => Self::DiskFull,
            Some(turn::Fault::Shut) => Self::NotWritten,
            Some(turn::Fault::Disk) => Self::DiskFailed,
            _ => Self::Undo,
        }
    }
}

/// Whether a batch is on disk.
pub type Committed = Result<(), CommitError>;

/// Whether writes are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Yes.
    Writable,
    /// There was no space. What needs none is still done. Ends by itself once there is room for more than a few writes,
    /// also if nobody writes.
    ReadOnly(String),
    /// A commit failed and the disk is in doubt. Ends when the vault is opened again.
    Failed(String),
}

pub(crate) type AfterBatch = Arc<Mutex<Option<Box<dyn FnMut() + Send>>>>;

pub(crate) enum Order {
    Work(Box<dyn Work>),
    /// To look whether there is room again.
    Look,
    Close,
}

pub(crate) struct Writer {
    orders: Option<mpsc::Sender<Order>>,
    health: watch::Receiver<Health>,
    // Its sender lives on the thread: closed means the connection is.
    ended: watch::Receiver<()>,
    after_batch: AfterBatch,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(conn: Connection, place: Place) -> std::io::Result<Self> {
        let (orders, queue) = mpsc::channel(QUEUE);
        let (report, health) = watch::channel(Health::Writable);
        let (alive, ended) = watch::channel(());
        let after_batch = AfterBatch::default();
        let after = Arc::clone(&after_batch);
        let own_queue = orders.downgrade();
        let thread = thread::Builder::new().name("vault-writer".to_owned()).spawn(move || {
            Desk::new((conn, place), (queue, own_queue), report, after).work();
            drop(alive);
        })?;
        Ok(Self { orders: Some(orders), health, ended, after_batch, thread: Some(thread) })
    }

    pub(crate) async fn write<T, E, F>(&self, job: F) -> Result<T, WriteError<E>>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: std::error::Error + Send + 'static,
    {
        let (call, answer) = Call::new(job);
        self.submit(call).await?;
        Self::answered(answer.await)
    }

    pub(crate) fn write_blocking<T, E, F>(&self, job: F) -> Result<T, WriteError<E>>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: std::error::Error + Send + 'static,
    {
        let (call, answer) = Call::new(job);
        self.orders().blocking_send(Order::Work(call)).map_err(|_| WriteError::Closed)?;
        Self::answered(answer.blocking_recv())
    }

    pub(crate) async fn submit(&self, work: Box<dyn Work>) -> Result<(), CommitError> {
        self.orders().send(Order::Work(work)).await.map_err(|_| CommitError::Closed)
    }

    pub(crate) fn try_submit<W: Work + 'static>(&self, work: W) -> Result<(), (W, CommitError)> {
        match self.orders().try_reserve() {
            Ok(place) => {
                place.send(Order::Work(Box::new(work)));
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(())) => Err((work, CommitError::Busy)),
            Err(mpsc::error::TrySendError::Closed(())) => Err((work, CommitError::Closed)),
        }
    }

    pub(crate) fn set_after_batch(&self, after: Box<dyn FnMut() + Send>) {
        *self.after_batch.lock().expect("a panic of the hook is caught before it ends the lock") =
            Some(after);
    }

    pub(crate) fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    pub(crate) fn watch_health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    pub(crate) async fn close(&self) {
        // An error means that somebody else has closed it already.
        let _ = self.orders().send(Order::Close).await;
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    pub(crate) fn close_blocking(&self) {
        let _ = self.orders().blocking_send(Order::Close);
        while self.ended.has_changed().is_ok() {
            thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    fn orders(&self) -> &mpsc::Sender<Order> {
        self.orders.as_ref().expect("the queue is there until the writer is dropped")
    }

    fn answered<T, E>(
        answer: Result<Result<T, WriteError<E>>, oneshot::error::RecvError>,
    ) -> Result<T, WriteError<E>> {
        answer.unwrap_or(Err(WriteError::Closed))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.orders.take());
        let Some(thread) = self.thread.take() else { return };
        // The last handle can be inside a work; the thread then ends by itself after this batch.
        if thread.thread().id() != thread::current().id() {
            // A panic there has nobody left to tell.
            let _ = thread.join();
        }
    }
}
