//! A snapshot is a vault of its own, of one moment.

use std::fs;

use vault::rusqlite::Connection;
use vault::{CopyError, Migration, Options, Schema, SnapshotError, Unlock};

use crate::support::{NOTES, new_vault, note, notes, open, write_note};

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_under_load_opens_and_is_a_prefix() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let vault = tokio::task::block_in_place(|| new_vault(dir.path()));
    let writer = vault.clone();
    let writing = tokio::task::spawn_blocking(move || {
        for number in 0..300 {
            write_note(&writer, &format!("{number:04}")).unwrap();
        }
    });
    let copy = to.path().join("copy");
    vault.snapshot(&copy).await.unwrap();
    assert!(matches!(vault.snapshot(&copy).await, Err(SnapshotError::Exists(_))));
    writing.await.unwrap();
    tokio::task::block_in_place(|| {
        let snapshot = open(&copy).unwrap();
        let (kept, all) = (notes(&snapshot), notes(&vault));
        assert_eq!(kept, all[..kept.len()]);
        assert_eq!(snapshot.key_for("host"), vault.key_for("host"));
        write_note(&snapshot, "lives on").unwrap();
        assert_eq!(all.len(), 300);
    });
}

#[test]
fn a_snapshot_is_encrypted_and_keeps_its_inner_key_file() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key_file = dir.path().join("key");
    let vault = vault::create(dir.path(), Unlock::KeyFile(&key_file), &NOTES).unwrap();
    write_note(&vault, "zebra crossing").unwrap();
    vault.snapshot_blocking(to.path()).unwrap();
    let bytes = fs::read(to.path().join("vault.db")).unwrap();
    assert!(!bytes.windows(5).any(|window| window == b"zebra"));
    let key_file = vault::peek(to.path()).unwrap().key_file.unwrap();
    assert_eq!(key_file, to.path().join("key"));
    let snapshot = vault::open(to.path(), Unlock::KeyFile(&key_file), &NOTES).unwrap();
    assert_eq!(notes(&snapshot), ["zebra crossing"]);
}

const NEWER: Schema = Schema { migrations: &[NOTES.migrations[0], Migration { name: "more", sql: "" }] };

#[test]
fn a_copy_is_changed_in_whole_or_not_at_all_and_the_vault_not_with_it() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let vault = new_vault(dir.path());
    write_note(&vault, "burn after reading").unwrap();
    vault.snapshot_blocking(to.path()).unwrap();
    let burn = |conn: &Connection| conn.execute("DELETE FROM notes", []);

    let twice = vault.change_copy_blocking(to.path(), &NOTES, Options::host(), |conn| {
        burn(conn)?;
        note(conn, "once")?;
        note(conn, "once")
    });
    assert!(matches!(twice, Err(CopyError::Job(_))));
    let other = vault.change_copy_blocking(to.path(), &NEWER, Options::host(), burn);
    assert!(matches!(other, Err(CopyError::OtherSchema)));
    assert_eq!(notes(&open(to.path()).unwrap()), ["burn after reading"]);

    assert_eq!(vault.change_copy_blocking(to.path(), &NOTES, Options::host(), burn).unwrap(), 1);
    assert!(notes(&open(to.path()).unwrap()).is_empty());
    assert_eq!(notes(&vault), ["burn after reading"]);

    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = new_vault(elsewhere.path());
    let opened = stranger.change_copy_blocking(to.path(), &NOTES, Options::host(), burn);
    assert!(matches!(opened, Err(CopyError::Open(_))));
}

#[test]
fn a_copy_under_way_is_given_up_when_the_vault_closes_and_leaves_nothing_half() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let vault = new_vault(dir.path());
    let fill = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
                INSERT INTO notes (text) SELECT hex(randomblob(500)) FROM n";
    vault.write_blocking(|conn| conn.execute(fill, [])).unwrap();
    let copy = to.path().join("copy");
    std::thread::scope(|scope| {
        let copying = scope.spawn(|| vault.snapshot_blocking(&copy));
        while std::fs::metadata(&copy).is_err() && !copying.is_finished() {
            std::thread::yield_now();
        }
        vault.close_blocking();
        copying.join().unwrap().unwrap_err();
    });
    assert_eq!(std::fs::read_dir(&copy).unwrap().count(), 0);
}
