//! Writes are acknowledged when they are on disk, in order, and fail alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use vault::rusqlite::{self, Connection};
use vault::{CommitError, Committed, Health, Verdict, Work, WriteError};

use crate::support::{new_vault, note, notes, open, write_note};

const BOUND: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
enum PostError {
    #[error("cannot post")]
    Storage(#[from] rusqlite::Error),
    #[error(transparent)]
    Inner(Box<PostError>),
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_share_few_commits() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let batches = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&batches);
    vault.set_after_batch(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let mut writers = Vec::new();
    for number in 0..500 {
        let vault = vault.clone();
        let job = move |conn: &Connection| note(conn, &format!("note {number}"));
        writers.push(tokio::spawn(async move { vault.write(job).await }));
    }
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(notes(&vault).len(), 500);
    assert!(batches.load(Ordering::Relaxed) < 500);
}

#[test]
fn a_failing_job_is_undone_alone() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let (go, hold) = mpsc::channel::<()>();
    // Holds the batch open until the others wait for the same commit.
    let first = spawn_write(&vault, move |conn| {
        hold.recv_timeout(BOUND).ok();
        note(conn, "alice 1")
    });
    let bad = spawn_write(&vault, |conn| {
        note(conn, "half of bob's")?;
        note(conn, "half of bob's")
    });
    let panics = spawn_write(&vault, |conn| {
        note(conn, "before the panic")?;
        panic!("expected by this test")
    });
    let last = spawn_write(&vault, |conn| note(conn, "alice 2"));
    go.send(()).unwrap();
    first.join().unwrap().unwrap();
    assert!(matches!(bad.join().unwrap(), Err(WriteError::Job(rusqlite::Error::SqliteFailure(..)))));
    assert!(matches!(panics.join().unwrap(), Err(WriteError::Panicked)));
    last.join().unwrap().unwrap();
    let mut all = notes(&vault);
    all.sort();
    assert_eq!(all, ["alice 1", "alice 2"]);
    assert_eq!(vault.health(), Health::Writable);
}

fn spawn_write(
    vault: &vault::Vault,
    job: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
) -> std::thread::JoinHandle<Result<(), WriteError<rusqlite::Error>>> {
    let vault = vault.clone();
    std::thread::spawn(move || vault.write_blocking(job))
}

struct Numbered {
    number: usize,
    panics: bool,
    settled: mpsc::Sender<(usize, Committed)>,
}

impl Work for Numbered {
    fn run(&mut self, conn: &Connection) -> Verdict {
        let written = note(conn, &self.number.to_string());
        assert!(!self.panics, "expected by this test");
        match written {
            Ok(()) if self.number.is_multiple_of(3) => Verdict::Undo,
            Ok(()) => Verdict::Keep,
            Err(error) => Verdict::of(&error),
        }
    }

    fn settle(self: Box<Self>, committed: Committed) {
        self.settled.send((self.number, committed)).unwrap();
    }
}

#[tokio::test]
async fn works_are_settled_once_in_the_order_they_came() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let (settled, all) = mpsc::channel();
    for number in 1..=300 {
        let panics = number == 50;
        vault.submit(Numbered { number, panics, settled: settled.clone() }).await.unwrap();
    }
    vault.close().await;
    let (late, never) = mpsc::channel();
    let refused = vault.submit(Numbered { number: 0, panics: false, settled: late }).await;
    assert_eq!(refused, Err(CommitError::Closed));
    assert!(never.recv().is_err());
    drop(settled);
    let all: Vec<_> = all.iter().collect();
    assert_eq!(all.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=300).collect::<Vec<_>>());
    for (number, committed) in all {
        let expected = if number == 50 { Err(CommitError::Panicked) } else { Ok(()) };
        assert_eq!(committed, expected);
    }
    drop(vault);
    let kept = notes(&open(dir.path()).unwrap());
    assert_eq!(kept.len(), 199);
    assert!(!kept.contains(&"50".to_owned()) && !kept.contains(&"3".to_owned()));
}

#[test]
fn a_settled_work_is_visible_to_readers() {
    struct Looks(vault::Vault, mpsc::Sender<Vec<String>>);
    impl Work for Looks {
        fn run(&mut self, conn: &Connection) -> Verdict {
            note(conn, "committed").map_or(Verdict::Undo, |()| Verdict::Keep)
        }
        fn settle(self: Box<Self>, _: Committed) {
            self.1.send(notes(&self.0)).unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let (seen, saw) = mpsc::channel();
    assert!(vault.try_submit(Looks(vault.clone(), seen)).is_ok());
    assert_eq!(saw.recv_timeout(BOUND).unwrap(), ["committed"]);
}

#[test]
fn a_full_queue_says_busy_and_gives_the_work_back() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let (go, hold) = mpsc::channel::<()>();
    let (settled, all) = mpsc::channel();
    let holder = spawn_write(&vault, move |_| {
        hold.recv_timeout(BOUND).ok();
        Ok(())
    });
    let mut queued = 0;
    let returned = loop {
        queued += 1;
        let work = Numbered { number: queued, panics: false, settled: settled.clone() };
        if let Err((work, error)) = vault.try_submit(work) {
            assert_eq!(error, CommitError::Busy);
            break work;
        }
    };
    assert_eq!(returned.number, queued);
    go.send(()).unwrap();
    holder.join().unwrap().unwrap();
    for _ in 1..queued {
        all.recv_timeout(BOUND).unwrap().1.unwrap();
    }
}

#[test]
fn a_panicking_hook_or_settling_stops_nothing() {
    struct Explodes;
    impl Work for Explodes {
        fn run(&mut self, _: &Connection) -> Verdict {
            Verdict::Keep
        }
        fn settle(self: Box<Self>, _: Committed) {
            panic!("expected by this test");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    vault.set_after_batch(Box::new(|| panic!("expected by this test")));
    assert!(vault.try_submit(Explodes).is_ok());
    write_note(&vault, "after").unwrap();
    write_note(&vault, "after that").unwrap();
    assert_eq!(notes(&vault).len(), 2);
}

#[test]
fn the_hook_runs_after_what_it_follows_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let (settled, all) = mpsc::channel();
    let events = Arc::new(Mutex::new(Vec::new()));
    let (log, (flushed, flush)) = (Arc::clone(&events), mpsc::channel());
    vault.set_after_batch(Box::new(move || {
        log.lock().unwrap().extend(all.try_iter().map(|(number, _)| number));
        flushed.send(()).ok();
    }));
    assert!(vault.try_submit(Numbered { number: 1, panics: false, settled }).is_ok());
    flush.recv_timeout(BOUND).unwrap();
    assert_eq!(*events.lock().unwrap(), [1]);
}

#[test]
fn a_verdict_finds_the_disk_behind_other_errors() {
    let full = || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(13), None);
    let failed = || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(1034), None);
    assert_eq!(Verdict::of(&PostError::Inner(Box::new(full().into()))), Verdict::DiskFull);
    assert_eq!(Verdict::of(&PostError::from(failed())), Verdict::DiskFailed);
    assert_eq!(Verdict::of(&PostError::from(rusqlite::Error::QueryReturnedNoRows)), Verdict::Undo);
}
