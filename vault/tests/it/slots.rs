//! Ways in come and go, and there is always one that was tried.

use std::fs;

use proptest::prelude::*;
use vault::{KeyFileProblem, OpenError, RecoveryCode, SlotError, SlotKind, Unlock};

use crate::support::{MemoryKeyring, NOTES, PASSPHRASE, new_vault, notes, open, write_note};

#[test]
fn every_slot_opens_the_same_vault() {
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("host.key");
    let keyring = MemoryKeyring::default();
    let vault = new_vault(dir.path());
    write_note(&vault, "kept").unwrap();
    vault.add_slot(Unlock::Keyring(&keyring)).unwrap();
    vault.add_slot(Unlock::KeyFile(&key_file)).unwrap();
    let code = vault.new_recovery_code().unwrap();
    let text = code.reveal();
    vault.confirm_recovery_code(&code, &text.to_lowercase().replace('-', " ")).unwrap();
    assert_eq!(vault.slots().len(), 4);
    drop(vault);
    for unlock in [
        Unlock::Passphrase(PASSPHRASE),
        Unlock::Keyring(&keyring),
        Unlock::KeyFile(&key_file),
        Unlock::Recovery(&text),
    ] {
        let vault = vault::open(dir.path(), unlock, &NOTES).unwrap();
        assert_eq!(notes(&vault), ["kept"], "{unlock:?}");
    }
    let peek = vault::peek(dir.path()).unwrap();
    assert_eq!(peek.key_file, Some(key_file));
    assert_eq!(peek.slots.len(), 4);
}

#[test]
fn the_last_slot_stays() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = MemoryKeyring::default();
    let vault = new_vault(dir.path());
    assert!(matches!(vault.remove_slot(SlotKind::Passphrase), Err(SlotError::LastSlot(_))));
    assert!(matches!(vault.remove_slot(SlotKind::Keyring), Err(SlotError::NotThere(_))));
    vault.add_slot(Unlock::Keyring(&keyring)).unwrap();
    vault.remove_slot(SlotKind::Passphrase).unwrap();
    assert!(matches!(vault.remove_slot(SlotKind::Keyring), Err(SlotError::LastSlot(_))));
    drop(vault);
    assert!(matches!(open(dir.path()), Err(OpenError::NoSlot(SlotKind::Passphrase))));
    vault::open(dir.path(), Unlock::Keyring(&keyring), &NOTES).unwrap();
}

#[test]
fn a_slot_that_does_not_open_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let good = MemoryKeyring::default();
    let vault = vault::create(dir.path(), Unlock::Keyring(&good), &NOTES).unwrap();
    let before = fs::read(dir.path().join("slots.json")).unwrap();
    let forgetful = MemoryKeyring { forgetful: true, ..MemoryKeyring::default() };
    let added = vault.add_slot(Unlock::Keyring(&forgetful));
    assert!(matches!(added, Err(SlotError::NotVerified { kind: SlotKind::Keyring, .. })));
    assert!(matches!(vault.add_slot(Unlock::Passphrase("")), Err(SlotError::EmptyPassphrase)));
    assert_eq!(fs::read(dir.path().join("slots.json")).unwrap(), before);
    drop(vault);
    vault::open(dir.path(), Unlock::Keyring(&good), &NOTES).unwrap();
}

#[test]
fn a_new_passphrase_ends_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    vault.add_slot(Unlock::Passphrase("another one")).unwrap();
    drop(vault);
    assert!(matches!(open(dir.path()), Err(OpenError::WrongKey(_))));
    vault::open(dir.path(), Unlock::Passphrase("another one"), &NOTES).unwrap();
}

#[test]
fn two_vaults_share_a_keyring_without_touching_each_other() {
    let (alice, bob) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let keyring = MemoryKeyring::default();
    let first = vault::create(alice.path(), Unlock::Keyring(&keyring), &NOTES).unwrap();
    drop(vault::create(bob.path(), Unlock::Keyring(&keyring), &NOTES).unwrap());
    assert_eq!(keyring.entries.lock().unwrap().len(), 2);
    // A replaced slot leaves no entry behind.
    first.add_slot(Unlock::Keyring(&keyring)).unwrap();
    assert_eq!(keyring.entries.lock().unwrap().len(), 2);
    drop(first);
    for dir in [alice.path(), bob.path()] {
        vault::open(dir, Unlock::Keyring(&keyring), &NOTES).unwrap();
    }
}

#[test]
fn a_recovery_code_counts_only_once_it_is_typed_back() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let code = vault.new_recovery_code().unwrap();
    let other = vault.new_recovery_code().unwrap();
    let wrong = vault.confirm_recovery_code(&code, &other.reveal());
    assert!(matches!(wrong, Err(SlotError::NotTheCode)));
    let text = code.reveal();
    assert!(matches!(vault.confirm_recovery_code(&code, &text[1..]), Err(SlotError::Mistyped(_))));
    assert_eq!(vault.slots(), [SlotKind::Passphrase]);
    vault.confirm_recovery_code(&code, &text).unwrap();
    drop(vault);
    let others = vault::open(dir.path(), Unlock::Recovery(&other.reveal()), &NOTES);
    assert!(matches!(others, Err(OpenError::WrongKey(SlotKind::Recovery))));
    let mistyped = vault::open(dir.path(), Unlock::Recovery("hello"), &NOTES);
    assert!(matches!(mistyped, Err(OpenError::Mistyped(_))));
    assert_eq!(format!("{code:?}"), "RecoveryCode(..)");
}

#[cfg(unix)]
#[test]
fn a_key_file_must_be_private_and_whole() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("key");
    let home = dir.path().join("vault");
    drop(vault::create(&home, Unlock::KeyFile(&key_file), &NOTES).unwrap());
    let mode = |mode| fs::set_permissions(&key_file, fs::Permissions::from_mode(mode)).unwrap();
    let problem = || match vault::open(&home, Unlock::KeyFile(&key_file), &NOTES) {
        Err(OpenError::KeyFile { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(fs::metadata(&key_file).unwrap().permissions().mode() & 0o777, 0o600);
    mode(0o640);
    assert_eq!(problem(), KeyFileProblem::Exposed);
    mode(0o600);
    let text = fs::read_to_string(&key_file).unwrap();
    fs::write(&key_file, &text[..60]).unwrap();
    assert_eq!(problem(), KeyFileProblem::Malformed);
    fs::write(&key_file, "0".repeat(64)).unwrap();
    let wrong = vault::open(&home, Unlock::KeyFile(&key_file), &NOTES);
    assert!(matches!(wrong, Err(OpenError::WrongKey(SlotKind::KeyFile))));
    fs::remove_file(&key_file).unwrap();
    assert_eq!(problem(), KeyFileProblem::Missing);
    fs::write(&key_file, text.trim()).unwrap();
    mode(0o400);
    vault::open(&home, Unlock::KeyFile(&key_file), &NOTES).unwrap();
}

#[cfg(unix)]
#[test]
fn a_moved_folder_opens_with_the_key_file_inside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (here, there) = (dir.path().join("here"), dir.path().join("there"));
    drop(vault::create(&here, Unlock::KeyFile(&here.join("key")), &NOTES).unwrap());
    fs::rename(&here, &there).unwrap();
    let key_file = vault::peek(&there).unwrap().key_file.unwrap();
    assert_eq!(key_file, there.join("key"));
    vault::open(&there, Unlock::KeyFile(&key_file), &NOTES).unwrap();
}

fn code(dir: &tempfile::TempDir) -> RecoveryCode {
    new_vault(dir.path()).new_recovery_code().unwrap()
}

#[test]
fn a_code_is_read_however_it_is_typed() {
    let dir = tempfile::tempdir().unwrap();
    let code = code(&dir);
    let text = code.reveal().to_string();
    assert_eq!(text.len(), 41);
    proptest!(|(keep in proptest::collection::vec(0..4_u8, 41))| {
        let typed: String = text.chars().zip(&keep).map(|(letter, how)| match (letter, how) {
            ('-', 0) => String::new(),
            ('-', 1) => " \u{2013} ".to_owned(),
            ('0', 1) => "o".to_owned(),
            ('0', 2) => "O".to_owned(),
            ('1', 1) => "l".to_owned(),
            ('1', 2) => "I".to_owned(),
            (letter, 3) => letter.to_lowercase().to_string(),
            (letter, _) => letter.to_string(),
        }).collect();
        prop_assert_eq!(RecoveryCode::parse(&typed).unwrap(), code.clone());
    });
}

#[test]
fn one_wrong_letter_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let text = code(&dir).reveal().to_string();
    let letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut passed = 0;
    for at in (0..text.len()).filter(|at| &text[*at..=*at] != "-") {
        for other in letters.chars().filter(|other| !text[at..].starts_with(*other)) {
            let typed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            passed += usize::from(RecoveryCode::parse(&typed).is_ok());
        }
    }
    // 1116 slips with 20 bits of checksum: one in a thousand runs lets one through.
    assert!(passed <= 1, "{passed} slips went unnoticed");
}

proptest! {
    #[test]
    fn reading_a_code_never_panics(text in "\\PC{0,60}") {
        let _ = RecoveryCode::parse(&text);
    }
}
