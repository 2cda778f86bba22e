//! A disk that fails and a clock that jumps, for a real host that knows nothing of it: a library of a page of C stands
//! before libc in its process and takes its word from a file.
//!
//! It is no part of any program of Hearth and refuses to touch anything but the process it is put before.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::world::HostPlan;

const SHIM: &str = include_str!("faults/shim.c");

/// Places of numbers in the file of the word; the same as in `shim.c`.
const CLOCK: u64 = 0;
const FAULT: u64 = 1;
const COUNTDOWN: u64 = 2;
const DONE: u64 = 3;
const SYNCS: u64 = 4;
const WRITES: u64 = 5;
const PLACES: usize = 64;

/// What can go wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A sync fails with an error of the device.
    SyncFails = 1,
    /// A sync finds that there is no space.
    SyncFindsNoSpace = 2,
    /// A write fails with an error of the device.
    WriteFails = 3,
    /// A write finds no space.
    WriteFindsNoSpace = 4,
    /// Half of a write is taken; its rest finds no space.
    WriteIsShort = 5,
    /// A sync fails and says that it went well: what a program that does not look would see. For controls.
    SyncLies = 6,
    /// No sync is done at all, from now on. For controls.
    NoSync = 7,
    /// The process dies before a write or a sync, as by `kill -9`.
    Dies = 8,
    /// The process dies when half of a write is done.
    DiesMidway = 9,
}

impl Fault {
    /// Those that a host has to notice.
    pub const HONEST: [Self; 5] = [
        Self::SyncFails,
        Self::SyncFindsNoSpace,
        Self::WriteFails,
        Self::WriteFindsNoSpace,
        Self::WriteIsShort,
    ];
}

/// The library, and the file by which it is told what to do.
pub struct Faults {
    library: PathBuf,
    path: PathBuf,
    word: File,
}

impl Faults {
    /// Builds the library in `folder`, with a word that says nothing yet.
    ///
    /// # Errors
    /// When there is no C compiler, which builds SQLite too.
    pub fn build(folder: &Path) -> Result<Self> {
        let (source, library, path) = (folder.join("shim.c"), folder.join("shim.so"), folder.join("word"));
        fs::write(&source, SHIM)?;
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut command = Command::new(compiler);
        command.args(["-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&library).arg(&source);
        let said = command.output().context("the C compiler that builds SQLite is needed here too")?;
        ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let word = File::options().read(true).write(true).create_new(true).open(&path)?;
        word.set_len(8 * PLACES as u64)?;
        Ok(Self { library, path, word })
    }

    /// `plan`, with the library before libc.
    #[must_use]
    pub fn before(&self, mut plan: HostPlan) -> HostPlan {
        plan.environment.push(("LD_PRELOAD".into(), self.library.clone().into()));
        plan.environment.push(("HEARTH_FAULTS".into(), self.path.clone().into()));
        plan
    }

    /// The `after`th operation from now on has this fault; the first is 1.
    ///
    /// # Errors
    /// When the file can not be written.
    pub fn arm(&self, fault: Fault, after: u32) -> Result<()> {
        self.put(FAULT, 0)?;
        self.put(DONE, 0)?;
        self.put(COUNTDOWN, after.into())?;
        self.put(FAULT, fault as i64)
    }

    /// No fault from now on.
    ///
    /// # Errors
    /// When the file can not be written.
    pub fn disarm(&self) -> Result<()> {
        self.put(FAULT, 0)
    }

    /// How many faults there were since the last arming.
    ///
    /// # Errors
    /// When the file can not be read.
    pub fn done(&self) -> Result<i64> {
        self.get(DONE)
    }

    /// Syncs and writes seen so far.
    ///
    /// # Errors
    /// When the file can not be read.
    pub fn seen(&self) -> Result<(i64, i64)> {
        Ok((self.get(SYNCS)?, self.get(WRITES)?))
    }

    /// Sets the process's clock so many seconds ahead of the world's, or behind it.
    ///
    /// # Errors
    /// When the file can not be written.
    pub fn set_clock(&self, seconds: i64) -> Result<()> {
        self.put(CLOCK, seconds)
    }

    fn put(&self, place: u64, number: i64) -> Result<()> {
        Ok(self.word.write_all_at(&number.to_ne_bytes(), 8 * place)?)
    }

    fn get(&self, place: u64) -> Result<i64> {
        let mut bytes = [0; 8];
        self.word.read_exact_at(&mut bytes, 8 * place)?;
        Ok(i64::from_ne_bytes(bytes))
    }
}
