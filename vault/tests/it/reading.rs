//! Readers see one moment, never write, and give their connection back.

use std::convert::Infallible;
use std::sync::mpsc;
use std::time::Duration;

use vault::ReadError;
use vault::rusqlite::{self, Connection};

use crate::support::{new_vault, note, notes, write_note};

fn count(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))
}

#[test]
fn a_question_sees_one_moment_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let writer = vault.clone();
    let (before, after) = vault
        .read_blocking(|conn| {
            let before = count(conn)?;
            write_note(&writer, "meanwhile").unwrap();
            Ok::<_, rusqlite::Error>((before, count(conn)?))
        })
        .unwrap();
    assert_eq!((before, after), (0, 0));
    assert_eq!(vault.read_blocking(count).unwrap(), 1);
}

#[test]
fn a_question_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    assert!(matches!(vault.read_blocking(|conn| note(conn, "no")), Err(ReadError::Job(_))));
    assert!(notes(&vault).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_questions_than_connections_are_all_answered() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let asked: Vec<_> = (0..64)
        .map(|number| {
            let vault = vault.clone();
            tokio::spawn(async move {
                vault
                    .read(move |conn| {
                        assert!(number % 8 != 0, "expected by this test");
                        count(conn)
                    })
                    .await
            })
        })
        .collect();
    for (number, asked) in asked.into_iter().enumerate() {
        match asked.await.unwrap() {
            Err(ReadError::Panicked) => assert_eq!(number % 8, 0),
            other => assert_eq!(other.unwrap(), 0),
        }
    }
}

#[test]
fn closing_waits_for_a_question_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let (started, start) = mpsc::channel();
    let (go, hold) = mpsc::channel::<()>();
    let reader = vault.clone();
    let reading = std::thread::spawn(move || {
        reader.read_blocking(|conn| {
            started.send(()).unwrap();
            hold.recv_timeout(Duration::from_secs(60)).ok();
            Ok::<_, Infallible>(count(conn).unwrap())
        })
    });
    start.recv_timeout(Duration::from_secs(60)).unwrap();
    let closing = std::thread::spawn(move || vault.close_blocking());
    go.send(()).unwrap();
    assert_eq!(reading.join().unwrap().unwrap(), 0);
    closing.join().unwrap();
}
