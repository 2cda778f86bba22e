//! Many members who say nothing: what each connection costs to make and to keep.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use protocol::SignIn;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::resume::accounts;
use crate::server::{Runtime, Server};
use crate::swarm::{Tally, join_floor, join_host};

/// What one connection costs.
pub(crate) struct Cost {
    /// CPU microseconds from connect to signed-in, by token, one by one.
    pub(crate) connect: f64,
    /// Resident KiB once all are idle.
    pub(crate) memory: f64,
    /// CPU of the whole process while all are idle, as a share of one core.
    pub(crate) heartbeat: f64,
}

/// Long enough for every connection to see two heartbeats.
const WATCH: Duration = Duration::from_millis(2 * protocol::limits::HEARTBEAT_MS as u64 + 5_000);

/// Longer than the host gathers what it tells of those who came.
const SETTLE: Duration = Duration::from_secs(6);

/// Files of a process that are no members.
const SPARE: u64 = 200;

/// Opens `members` connections to a new host, then watches them do nothing.
///
/// # Errors
/// When the host does not start or refuses somebody.
pub(crate) async fn measure(binary: &Path, members: usize, watch: bool, runtime: Runtime) -> Result<Cost> {
    let data = tempfile::tempdir()?;
    let tokens = accounts(binary, data.path(), members, runtime).await?;
    let server = Server::hearth(binary, data.path(), runtime)?;
    let tally = Arc::new(Tally::default());
    let (before, memory) = (server.whole_cpu()?, server.memory()?);
    let mut kept = Vec::with_capacity(members);
    for token in tokens {
        kept.push(join_host(&server, SignIn::Session { token }, tally.clone()).await?.0);
    }
    // What is told of those who came has been said, and read, by then.
    tally.calm(SETTLE).await?;
    let connect = server.whole_cpu()?.saturating_sub(before);
    let grown = server.memory()?.saturating_sub(memory);
    let quiet = server.whole_cpu()?;
    let heartbeat = if watch {
        tokio::time::sleep(WATCH).await;
        server.whole_cpu()?.saturating_sub(quiet).as_secs_f64() / WATCH.as_secs_f64()
    } else {
        f64::NAN
    };
    Ok(Cost { connect: each(connect, members), memory: grown as f64 / members as f64, heartbeat })
}

/// What the floor spends on one connection: CPU microseconds and KiB.
///
/// # Errors
/// When the floor does not start.
pub(crate) async fn floor(members: usize, tls: bool) -> Result<(f64, f64)> {
    let server = Server::floor(tls, 1)?;
    let tally = Arc::new(Tally::default());
    let (before, memory) = (server.whole_cpu()?, server.memory()?);
    let mut kept = Vec::with_capacity(members);
    for _ in 0..members {
        kept.push(join_floor(&server, tally.clone()).await?);
    }
    let grown = server.memory()?.saturating_sub(memory);
    let used = server.whole_cpu()?.saturating_sub(before);
    Ok((each(used, members), grown as f64 / members as f64))
}

fn each(time: Duration, members: usize) -> f64 {
    time.as_secs_f64() * 1e6 / members as f64
}

/// Lets this program and those it starts have as many sockets as the system allows them.
///
/// # Errors
/// When there are not enough for `members`.
pub(crate) fn room_for(members: usize) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .context("raise the limit of files")?;
    match limit.maximum {
        Some(most) if most < members as u64 + SPARE => {
            bail!("a process may have {most} files here: too few for {members} members and {SPARE} others")
        }
        _ => Ok(()),
    }
}
