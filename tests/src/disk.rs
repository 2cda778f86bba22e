//! Disks for drills: a small one that can be full, and one whose power can be cut. Both need root.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// A file system that goes when it is dropped.
pub struct Mounted(PathBuf);

impl Mounted {
    /// A disk of memory of so many MiB at `at`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn small(at: &Path, mebibytes: u32) -> Result<Self> {
        fs::create_dir_all(at)?;
        let size = format!("size={mebibytes}m,mode=0700");
        mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], at)
    }

    /// Where it is.
    pub fn at(&self) -> &Path {
        &self.0
    }

    /// Fills what is free with one file, and says how many bytes that took.
    ///
    /// # Errors
    /// When there was no space to begin with.
    pub fn fill(&self, file: &Path) -> Result<u64> {
        use std::io::Write;
        let mut ballast = File::create(file)?;
        // Smaller and smaller, so that not a page is left.
        for piece in [64 * 1024, 4096, 512, 1] {
            let bytes = vec![b'x'; piece];
            while ballast.write_all(&bytes).is_ok() {}
        }
        Ok(ballast.metadata()?.len())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A program may still be about to end there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount<A: AsRef<OsStr>>(arguments: &[A], at: &Path) -> Result<Mounted> {
    let said = Command::new("mount").args(arguments).arg(at).output()?;
    ensure!(said.status.success(), "mount: {}", String::from_utf8_lossy(&said.stderr).trim());
    Ok(Mounted(at.to_owned()))
}

/// A disk as a file with an ext4 on it: what has reached the file has reached the disk, and all else is lost with the
/// power.
pub struct Image(PathBuf);

impl Image {
    /// A fresh one of so many MiB.
    ///
    /// # Errors
    /// When it can not be made.
    pub fn make(path: &Path, mebibytes: u64) -> Result<Self> {
        File::create(path)?.set_len(mebibytes << 20)?;
        let mut command = Command::new("mkfs.ext4");
        // Everything written out at once: a lazy kernel thread would change the disk while it is copied.
        command.args(["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]).arg(path);
        let said = command.output().context("mkfs.ext4 is in the package e2fsprogs")?;
        ensure!(said.status.success(), "mkfs.ext4: {}", String::from_utf8_lossy(&said.stderr));
        Ok(Self(path.to_owned()))
    }

    /// Mounts it. The file system writes by itself only what it is asked to, for the time of a drill.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn mount(&self, at: &Path) -> Result<Mounted> {
        fs::create_dir_all(at)?;
        mount(&[OsStr::new("-o"), OsStr::new("loop,commit=300,noatime"), self.0.as_os_str()], at)
    }

    /// Throws it away.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn remove(self) -> Result<()> {
        Ok(fs::remove_file(self.0)?)
    }

    /// The disk as it would be found after the power went now: a copy at one moment, however busy it is.
    ///
    /// # Errors
    /// When it never holds still.
    pub fn cut(&self, to: &Path) -> Result<Self> {
        let mut before = fs::read(&self.0)?;
        for _ in 0..50 {
            let now = fs::read(&self.0)?;
            if now == before {
                fs::write(to, now)?;
                return Ok(Self(to.to_owned()));
            }
            before = now;
        }
        bail!("the disk did not hold still long enough to be copied")
    }
}
