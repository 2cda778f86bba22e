//! Many members who say nothing: what each connection costs to make and to keep.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use protocol::SignIn;

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

/// Opens `members` connections to a new host, then watches them do nothing.
///
/// # Errors
/// When the host does not start or refuses somebody.
pub(crate) async fn measure(binary: &Path, members: usize, watch: bool, runtime: Runtime) -> Result<Cost> {
    let data = tempfile::tempdir()?;
    let tokens = accounts(binary, data.path(), members, runtime).await?;
    let server = Server::hearth(binary, data.path(), runtime)?;
    let tally = Arc::new(Tally::default());
    let (before, memory) = (server.cpu()?, server.memory()?);
    let mut kept = Vec::with_capacity(members);
    for token in tokens {
        kept.push(join_host(&server, SignIn::Session { token }, tally.clone()).await?.0);
    }
    let connect = server.cpu()?.saturating_sub(before);
    let grown = server.memory()?.saturating_sub(memory);
    let quiet = server.cpu()?;
    let heartbeat = if watch {
        tokio::time::sleep(WATCH).await;
        server.cpu()?.saturating_sub(quiet).as_secs_f64() / WATCH.as_secs_f64()
    } else {
        f64::NAN
    };
    Ok(Cost {
        connect: connect.as_secs_f64() * 1e6 / members as f64,
        memory: grown as f64 / members as f64,
        heartbeat,
    })
}

/// CPU microseconds the floor spends on one connection.
///
/// # Errors
/// When the floor does not start.
pub(crate) async fn floor(members: usize) -> Result<f64> {
    let server = Server::floor()?;
    let tally = Arc::new(Tally::default());
    let before = server.cpu()?;
    let mut kept = Vec::with_capacity(members);
    for _ in 0..members {
        kept.push(join_floor(&server, tally.clone()).await?);
    }
    Ok(server.cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / members as f64)
}
