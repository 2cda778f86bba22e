//! A few read-only connections, lent out one question at a time.
//!
//! A reader never waits for the writer, cannot write, and gives its connection back whatever happens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::error::{OpenError, ReadError};
use crate::key::VaultKey;
use crate::open::{self, Options};

/// How long closing waits for questions under way.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) struct Readers {
    database: PathBuf,
    key: VaultKey,
    options: Options,
    // Asynchronous askers queue here, so that they never hold more threads than there are connections.
    turns: Semaphore,
    shelf: Mutex<Shelf>,
    returned: Condvar,
}

#[derive(Default)]
struct Shelf {
    idle: Vec<Connection>,
    /// Idle and lent together.
    open: usize,
    closed: bool,
}

impl Readers {
    pub(crate) fn new(database: PathBuf, key: VaultKey, options: Options) -> Self {
        let options = Options { readers: options.readers.max(1), ..options };
        let turns = Semaphore::new(options.readers);
        Self { database, key, options, turns, shelf: Mutex::default(), returned: Condvar::new() }
    }

    pub(crate) async fn read<T, E, F>(readers: &Arc<Self>, question: F) -> Result<T, ReadError<E>>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let _turn = readers.turns.acquire().await.map_err(|_| ReadError::Closed)?;
        let readers = Arc::clone(readers);
        match tokio::task::spawn_blocking(move || readers.read_blocking(question)).await {
            Ok(answer) => answer,
            // The runtime is going down: a question of ours does not panic, it is caught below.
            Err(_) => Err(ReadError::Closed),
        }
    }

    pub(crate) fn read_blocking<T, E, F>(&self, question: F) -> Result<T, ReadError<E>>
    where
        F: FnOnce(&Connection) -> Result<T, E>,
    {
        let mut loan = self.borrow()?;
        let conn = loan.conn.as_ref().expect("a loan holds its connection until it ends");
        conn.execute_batch("BEGIN").map_err(ReadError::Storage)?;
        // The connection is put aside after a panic, so nothing half-done is seen again.
        let answer = catch_unwind(AssertUnwindSafe(|| question(conn)));
        let ended = conn.is_autocommit() || conn.execute_batch("ROLLBACK").is_ok();
        loan.sound = ended && answer.is_ok();
        drop(loan);
        answer.map_err(|_| ReadError::Panicked)?.map_err(ReadError::Job)
    }

    /// Closes idle connections and waits a while for lent ones. No question is answered afterwards.
    pub(crate) fn close(&self) {
        self.turns.close();
        let mut shelf = self.shelf();
        shelf.closed = true;
        shelf.open -= shelf.idle.len();
        let idle = std::mem::take(&mut shelf.idle);
        drop(idle);
        let waited = self.returned.wait_timeout_while(shelf, GRACE, |shelf| shelf.open > 0);
        drop(waited);
    }

    fn borrow<E>(&self) -> Result<Loan<'_>, ReadError<E>> {
        let mut shelf = self.shelf();
        loop {
            if shelf.closed {
                return Err(ReadError::Closed);
            }
            if let Some(conn) = shelf.idle.pop() {
                return Ok(Loan { readers: self, conn: Some(conn), sound: false });
            }
            if shelf.open < self.options.readers {
                shelf.open += 1;
                break;
            }
            shelf = self.returned.wait(shelf).expect("nothing panics while it holds the shelf");
        }
        drop(shelf);
        // From here the loan gives its place back, also when connecting fails.
        let mut loan = Loan { readers: self, conn: None, sound: false };
        loan.conn = Some(self.connect().map_err(ReadError::Storage)?);
        Ok(loan)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let access = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let conn = open::connect(&self.database, &self.key, access, self.options);
        let conn = conn.map_err(|error| match error {
            OpenError::Storage(error) => error,
            _ => corrupt(),
        })?;
        conn.execute_batch("PRAGMA query_only = ON")?;
        Ok(conn)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().expect("nothing panics while it holds the shelf")
    }
}

/// A connection on its way back to the shelf.
struct Loan<'a> {
    readers: &'a Readers,
    conn: Option<Connection>,
    sound: bool,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut shelf = self.readers.shelf();
        match self.conn.take() {
            Some(conn) if self.sound && !shelf.closed => shelf.idle.push(conn),
            other => {
                drop(other);
                shelf.open -= 1;
            }
        }
        drop(shelf);
        self.readers.returned.notify_all();
    }
}

fn corrupt() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None)
}
