//! What a process has used, read from `/proc` (Linux): CPU to the nanosecond per thread, memory in KiB.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// CPU time (user and system) of all threads of `pid` that live now. Threads that ended are not in it, so compare
/// two readings of a process that keeps its threads.
///
/// # Errors
/// When the process is gone.
pub(crate) fn time(pid: u32) -> Result<Duration> {
    let mut nanos = 0u64;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).context("the measured process is gone")? {
        let stat = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanos += stat.split_whitespace().next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

/// Resident memory of `pid` in KiB.
///
/// # Errors
/// When the process is gone.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the measured process is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
    line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")
}
