//! Nothing that was written can be read in any file.

use std::fs;

use vault::Unlock;

use crate::support::{MemoryKeyring, PASSPHRASE, new_vault, write_note};

#[test]
fn no_file_holds_a_text_a_secret_or_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let keyring = MemoryKeyring::default();
    vault.add_slot(Unlock::Keyring(&keyring)).unwrap();
    let code = vault.new_recovery_code().unwrap();
    let text = code.reveal();
    vault.confirm_recovery_code(&code, &text).unwrap();
    for number in 0..50 {
        write_note(&vault, &format!("marzipan {number} {}", "marzipan ".repeat(300))).unwrap();
    }
    vault.snapshot_blocking(&dir.path().join("copy")).unwrap();
    let secret = keyring.entries.lock().unwrap().values().next().unwrap().clone();
    let needles: Vec<Vec<u8>> = vec![
        b"marzipan".to_vec(),
        b"CREATE TABLE".to_vec(),
        PASSPHRASE.as_bytes().to_vec(),
        text.as_bytes().to_vec(),
        hex::encode(&secret).into_bytes(),
        secret,
        b"SQLite format 3".to_vec(),
    ];
    let mut seen = 0;
    for folder in [dir.path().to_owned(), dir.path().join("copy")] {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                seen += 1;
                let bytes = fs::read(entry.path()).unwrap();
                for needle in &needles {
                    let found = bytes.windows(needle.len()).any(|window| window == needle);
                    assert!(!found, "{:?} holds {:?}", entry.path(), String::from_utf8_lossy(needle));
                }
            }
        }
    }
    // Both databases, the log and its index, both slot files, the lock.
    assert!(seen >= 7, "only {seen} files were searched");
}

#[test]
fn a_big_transaction_spills_nothing_readable() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    // More than the page cache holds, so pages go to the log before the commit.
    let spilled = vault.write_blocking(|conn| {
        conn.execute_batch("PRAGMA cache_size = 10")?;
        let mut insert = conn.prepare("INSERT INTO notes (text) VALUES (?1)")?;
        for number in 0..2000 {
            insert.execute([format!("marzipan {number} {}", "marzipan ".repeat(50))])?;
        }
        Ok::<_, vault::rusqlite::Error>(())
    });
    spilled.unwrap();
    for entry in fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
        let bytes = fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"marzipan"), "{:?}", entry.path());
    }
}

#[test]
fn errors_and_debug_say_nothing_secret() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let shown = format!("{vault:?} {:?}", Unlock::Passphrase(PASSPHRASE));
    assert!(!shown.contains("horse"));
    write_note(&vault, "marzipan").unwrap();
    let twice = write_note(&vault, "marzipan").unwrap_err();
    assert!(!format!("{twice} {twice:?}").contains("marzipan"));
}
