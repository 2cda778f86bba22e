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

/// CPU time (user and system) of `pid`, threads that have ended included, in steps of 10 ms.
///
/// # Errors
/// When the process is gone.
pub(crate) fn whole(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the measured process is gone")?;
    // The name in brackets may contain anything; state is the third field, utime the 14th, stime the 15th (proc(5)).
    let rest = stat.rsplit_once(')').context("no name in /proc")?.1;
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
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
