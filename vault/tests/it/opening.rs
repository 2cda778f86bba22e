//! Whatever keeps a vault from opening is told apart, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use vault::{CreateError, KeyringError, OpenError, Options, Unlock};

use crate::support::{MemoryKeyring, NOTES, PASSPHRASE, new_vault, notes, open, write_note};

/// Every file but the lock, with its content.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    named
        .filter(|(name, _)| name != "vault.lock")
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect()
}

fn opened_unchanged(dir: &Path) -> OpenError {
    let before = files(dir);
    let error = open(dir).unwrap_err();
    assert_eq!(before, files(dir), "a failed opening touched the vault");
    error
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    write_note(&vault, "hello bob").unwrap();
    let key = vault.key_for("files");
    drop(vault);
    let vault = open(dir.path()).unwrap();
    assert_eq!(notes(&vault), ["hello bob"]);
    assert_eq!(vault.key_for("files"), key);
    assert_eq!(vault.dir(), dir.path());
}

#[test]
fn a_folder_without_a_vault_is_missing_and_stays_empty() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!vault::exists(dir.path()));
    assert!(matches!(open(dir.path()), Err(OpenError::Missing(_))));
    assert!(matches!(open(&dir.path().join("nowhere")), Err(OpenError::Missing(_))));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn creating_over_a_vault_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(new_vault(dir.path()));
    for remains in ["vault.db", "slots.json"] {
        let again = vault::create(dir.path(), Unlock::Passphrase("other"), &NOTES);
        assert!(matches!(again, Err(CreateError::Exists(_))));
        let other = tempfile::tempdir().unwrap();
        fs::copy(dir.path().join(remains), other.path().join(remains)).unwrap();
        let over_remains = vault::create(other.path(), Unlock::Passphrase("other"), &NOTES);
        assert!(matches!(over_remains, Err(CreateError::Exists(_))), "over {remains}");
        assert!(vault::exists(other.path()));
    }
}

#[test]
fn a_wrong_passphrase_is_a_wrong_key() {
    let dir = tempfile::tempdir().unwrap();
    drop(new_vault(dir.path()));
    let wrong = vault::open(dir.path(), Unlock::Passphrase("correct horse"), &NOTES);
    assert!(matches!(wrong, Err(OpenError::WrongKey(vault::SlotKind::Passphrase))));
}

#[test]
fn a_slot_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(new_vault(dir.path()));
    let keyring = MemoryKeyring::default();
    let none = vault::open(dir.path(), Unlock::Keyring(&keyring), &NOTES);
    assert!(matches!(none, Err(OpenError::NoSlot(vault::SlotKind::Keyring))));
}

#[test]
fn a_vault_in_use_says_so_until_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    assert!(matches!(open(dir.path()), Err(OpenError::InUse(_))));
    let clone = vault.clone();
    drop(vault);
    assert!(matches!(open(dir.path()), Err(OpenError::InUse(_))));
    clone.close_blocking();
    let again = open(dir.path()).unwrap();
    assert!(matches!(write_note(&clone, "late"), Err(vault::WriteError::Closed)));
    let late = clone.read_blocking(|_| Ok::<_, std::convert::Infallible>(()));
    assert!(matches!(late, Err(vault::ReadError::Closed)));
    drop(again);
}

#[test]
fn damage_is_told_from_a_wrong_key() {
    let dir = tempfile::tempdir().unwrap();
    drop(new_vault(dir.path()));
    let database = dir.path().join("vault.db");
    let whole = fs::read(&database).unwrap();
    let mut flipped = whole.clone();
    flipped[100] ^= 1;
    let noise = vec![7; whole.len()];
    for (what, bytes) in [
        ("empty", &[][..]),
        ("cut short", &whole[..1000]),
        ("half", &whole[..whole.len() / 2]),
        ("flipped", &flipped),
        ("noise", &noise),
    ] {
        fs::write(&database, bytes).unwrap();
        assert!(matches!(opened_unchanged(dir.path()), OpenError::Damaged(_)), "{what}");
    }
    fs::remove_file(&database).unwrap();
    assert!(matches!(opened_unchanged(dir.path()), OpenError::Damaged(_)), "removed");
    assert!(!database.exists());
    fs::write(&database, &whole).unwrap();
    open(dir.path()).unwrap();
}

#[test]
fn damaged_or_missing_slots_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    drop(new_vault(dir.path()));
    let slots = dir.path().join("slots.json");
    let whole = fs::read_to_string(&slots).unwrap();
    let other_salt = whole.replacen("\"salt\": \"", "\"salt\": \"0", 1);
    for text in ["", "{}", &whole[..whole.len() / 2], &other_salt] {
        fs::write(&slots, text).unwrap();
        assert!(matches!(opened_unchanged(dir.path()), OpenError::Damaged(_)));
    }
    fs::write(&slots, whole.replacen("\"format\": 1", "\"format\": 2", 1)).unwrap();
    assert!(matches!(opened_unchanged(dir.path()), OpenError::NewerSchema { found: 2, known: 1 }));
    fs::remove_file(&slots).unwrap();
    assert!(matches!(opened_unchanged(dir.path()), OpenError::Damaged(_)));
}

#[test]
fn the_full_check_finds_a_flipped_bit_in_any_page() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    for number in 0..200 {
        write_note(&vault, &format!("{number} {}", "x".repeat(200))).unwrap();
    }
    drop(vault);
    let database = dir.path().join("vault.db");
    let whole = fs::read(&database).unwrap();
    let checked = || {
        let options = Options { check: true, ..Options::default() };
        vault::open_with(dir.path(), Unlock::Passphrase(PASSPHRASE), &NOTES, options).map(drop)
    };
    checked().unwrap();
    for page in 1..whole.len() / 4096 {
        let mut flipped = whole.clone();
        flipped[page * 4096 + 2000] ^= 1;
        fs::write(&database, flipped).unwrap();
        assert!(matches!(checked(), Err(OpenError::Damaged(_))), "page {page}");
    }
}

#[test]
fn a_vault_in_use_is_checked_without_stopping_it() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    for number in 0..100 {
        write_note(&vault, &format!("{number} {}", "x".repeat(3000))).unwrap();
    }
    vault.check_blocking().unwrap();
    drop(vault);
    let vault = open(dir.path()).unwrap();
    let database = dir.path().join("vault.db");
    let mut bytes = fs::read(&database).unwrap();
    let at = bytes.len() - 2000;
    bytes[at] ^= 1;
    fs::write(&database, bytes).unwrap();
    assert!(matches!(vault.check_blocking(), Err(OpenError::Damaged(_))));
}

#[test]
fn an_interrupted_creation_is_finished_or_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("vault.db.new"), "half a file").unwrap();
    assert!(!vault::exists(dir.path()));
    drop(new_vault(dir.path()));
    // Killed between the slots and the last rename.
    fs::rename(dir.path().join("vault.db"), dir.path().join("vault.db.new")).unwrap();
    assert!(vault::exists(dir.path()));
    open(dir.path()).unwrap();
    assert!(!dir.path().join("vault.db.new").exists());
}

#[test]
fn every_answer_of_the_keyring_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = MemoryKeyring::default();
    drop(vault::create(dir.path(), Unlock::Keyring(&keyring), &NOTES).unwrap());
    let answer = |error: Option<KeyringError>| {
        keyring.break_with(error);
        vault::open(dir.path(), Unlock::Keyring(&keyring), &NOTES).map(drop)
    };
    assert!(matches!(answer(Some(KeyringError::NoService)), Err(OpenError::NoKeyService)));
    assert!(matches!(answer(Some(KeyringError::Locked)), Err(OpenError::Locked)));
    assert!(matches!(answer(Some(KeyringError::Refused)), Err(OpenError::Refused)));
    assert!(matches!(answer(Some(KeyringError::TimedOut)), Err(OpenError::TimedOut)));
    assert!(matches!(answer(Some(KeyringError::Other("odd".into()))), Err(OpenError::Keyring(_))));
    answer(None).unwrap();
    let mut entries = keyring.entries.lock().unwrap();
    entries.values_mut().for_each(|secret| secret[0] ^= 1);
    drop(entries);
    assert!(matches!(answer(None), Err(OpenError::WrongKey(vault::SlotKind::Keyring))));
    keyring.entries.lock().unwrap().clear();
    assert!(matches!(answer(None), Err(OpenError::EntryMissing)));
}

#[test]
fn a_keyring_that_forgets_never_becomes_the_only_way_in() {
    let dir = tempfile::tempdir().unwrap();
    let forgetful = MemoryKeyring { forgetful: true, ..MemoryKeyring::default() };
    let created = vault::create(dir.path(), Unlock::Keyring(&forgetful), &NOTES);
    assert!(matches!(created, Err(CreateError::Slot(vault::SlotError::NotVerified { .. }))));
    assert!(!vault::exists(dir.path()));
    // The same folder takes a better idea.
    new_vault(dir.path());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("new");
    let vault = new_vault(&home);
    write_note(&vault, "private").unwrap();
    for name in ["vault.db", "vault.db-wal", "slots.json"] {
        let mode = fs::metadata(home.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o077, 0);
}
