//! A disk that is full, and a disk that lies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use vault::rusqlite::{self, Connection};
use vault::{Committed, Health, Vault, Verdict, Work, WriteError};

use crate::support::{child, new_vault, note, notes, open, write_note};

fn set_limit(vault: &vault::Vault, pages: u32) {
    let limit = move |conn: &Connection| conn.execute_batch(&format!("PRAGMA max_page_count = {pages}"));
    vault.write_blocking(limit).unwrap();
}

fn count(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))
}

/// Waits without writing: the vault has to notice by itself.
fn becomes_writable(vault: &Vault) {
    let mut health = vault.watch_health();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let writable = health.wait_for(|health| *health == Health::Writable);
        tokio::time::timeout(Duration::from_secs(60), writable).await.expect("it is noticed").unwrap();
    });
}

#[test]
fn a_full_file_is_read_only_until_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    let health = vault.watch_health();
    set_limit(&vault, 20);
    let mut kept = 0;
    loop {
        match write_note(&vault, &format!("{kept} {}", "x".repeat(2000))) {
            Ok(()) => kept += 1,
            Err(WriteError::DiskFull) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(matches!(vault.health(), Health::ReadOnly(_)));
    assert!(health.has_changed().unwrap());
    assert_eq!(notes(&vault).len(), kept);
    // What needs no space is still done, and nothing that would need some: not even where a page has room for it.
    assert_eq!(vault.write_blocking(count).unwrap(), kept as i64);
    assert!(matches!(write_note(&vault, "small"), Err(WriteError::DiskFull)));
    set_limit(&vault, 25);
    assert!(matches!(write_note(&vault, "small"), Err(WriteError::DiskFull)), "this is no room yet");
    assert!(matches!(vault.health(), Health::ReadOnly(_)));
    set_limit(&vault, 1_000_000);
    becomes_writable(&vault);
    write_note(&vault, "there is space again").unwrap();
    assert_eq!(vault.health(), Health::Writable);
    drop(vault);
    assert_eq!(notes(&open(dir.path()).unwrap()).len(), kept + 1);
}

struct Small(tempfile::TempDir);

impl Small {
    /// A file system of 16 MiB, where this process may make one.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(dir.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(dir))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_acknowledged_and_recovers() {
    let Some(small) = Small::mount() else {
        eprintln!("not run: mounting a small disk needs root");
        return;
    };
    let dir = small.0.path().join("vault");
    let vault = new_vault(&dir);
    let ballast = small.0.path().join("ballast");
    fs::write(&ballast, vec![1; 14 * 1024 * 1024]).unwrap();
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for number in 0..2000 {
        let text = format!("{number} {}", "x".repeat(3000));
        match write_note(&vault, &text) {
            Ok(()) => acknowledged.push(text),
            Err(WriteError::DiskFull) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
        if refused == 3 {
            break;
        }
    }
    assert_eq!(refused, 3, "the disk never filled");
    assert!(matches!(vault.health(), Health::ReadOnly(_)));
    assert_eq!(notes(&vault), acknowledged);
    // A little room is none: the state does not come and go with each write.
    fs::write(&ballast, vec![1; 12 * 1024 * 1024]).unwrap();
    let mut health = vault.watch_health();
    assert!(matches!(*health.borrow_and_update(), Health::ReadOnly(_)));
    for _ in 0..20 {
        assert!(matches!(write_note(&vault, "small"), Err(WriteError::DiskFull)));
    }
    assert!(!health.has_changed().unwrap());
    fs::remove_file(&ballast).unwrap();
    write_note(&vault, "there is space again").unwrap();
    acknowledged.push("there is space again".to_owned());
    // And once more, with nobody who writes.
    let _ = fs::write(&ballast, vec![1; 14 * 1024 * 1024]);
    while write_note(&vault, &format!("{} {}", acknowledged.len(), "x".repeat(3000))).is_ok() {
        acknowledged.push(format!("{} {}", acknowledged.len(), "x".repeat(3000)));
    }
    fs::remove_file(&ballast).unwrap();
    becomes_writable(&vault);
    assert!(!dir.join("vault.room").exists());
    drop(vault);
    assert_eq!(notes(&open(&dir).unwrap()), acknowledged);
}

struct Fails;

impl Work for Fails {
    fn run(&mut self, conn: &Connection) -> Verdict {
        note(conn, "in the failing batch").unwrap();
        Verdict::DiskFailed
    }
    fn settle(self: Box<Self>, committed: Committed) {
        assert!(committed.is_err());
    }
}

#[test]
fn after_the_disk_failed_nothing_is_accepted_and_reading_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let vault = new_vault(dir.path());
    write_note(&vault, "before").unwrap();
    assert!(vault.try_submit(Fails).is_ok());
    assert!(matches!(write_note(&vault, "after"), Err(WriteError::Failed(_))));
    assert!(matches!(write_note(&vault, "again"), Err(WriteError::Failed(_))));
    assert!(matches!(vault.health(), Health::Failed(_)));
    assert_eq!(notes(&vault), ["before"]);
    drop(vault);
    write_note(&open(dir.path()).unwrap(), "reopened").unwrap();
}

#[cfg(target_os = "linux")]
/// Stands before libc: every sync fails while the file named by `SYNC_FAILS` exists.
const LYING_DISK: &str = r#"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
static int fails(void) { const char *at = getenv("SYNC_FAILS"); return at && access(at, F_OK) == 0; }
int fsync(int fd) { if (fails()) { errno = EIO; return -1; } return syscall(SYS_fsync, fd); }
int fdatasync(int fd) { if (fails()) { errno = EIO; return -1; } return syscall(SYS_fdatasync, fd); }
"#;

#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(feature = "asynchronous-commit", ignore = "this control acknowledges without syncing")]
fn a_failed_fsync_is_never_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let library = lying_disk(dir.path());
    let output = child("disk::meets_a_failing_fsync")
        .env("LD_PRELOAD", library)
        .env("SYNC_FAILS", dir.path().join("now"))
        .env("VAULT_DIR", dir.path().join("vault"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(notes(&open(&dir.path().join("vault")).unwrap())[0], "before");
}

#[cfg(target_os = "linux")]
fn lying_disk(dir: &Path) -> PathBuf {
    let (source, library) = (dir.join("lying.c"), dir.join("lying.so"));
    fs::write(&source, LYING_DISK).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(compiler).args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the C compiler that builds SQLite is needed here too"
    );
    library
}

#[test]
#[ignore = "run by a_failed_fsync_is_never_acknowledged in a process of its own"]
fn meets_a_failing_fsync() {
    let dir = PathBuf::from(std::env::var_os("VAULT_DIR").unwrap());
    let trigger = PathBuf::from(std::env::var_os("SYNC_FAILS").unwrap());
    let vault = new_vault(&dir);
    write_note(&vault, "before").unwrap();
    fs::write(&trigger, "").unwrap();
    assert!(matches!(write_note(&vault, "not on disk"), Err(WriteError::Failed(_))));
    fs::remove_file(&trigger).unwrap();
    // The next fsync would succeed and prove nothing.
    let after: Result<(), WriteError<rusqlite::Error>> = write_note(&vault, "after");
    assert!(matches!(after, Err(WriteError::Failed(_))));
    assert!(matches!(vault.health(), Health::Failed(_)));
    assert_eq!(notes(&vault), ["before"]);
}
