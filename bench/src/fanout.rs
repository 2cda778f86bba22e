//! One room, many members: CPU of the server per delivered message, beside the floor of the same run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream};
use protocol::SignIn;

use crate::server::{Runtime, Server};
use crate::swarm::{Member, Tally, join_floor, join_host};

/// How much is said to how many.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Members in the room.
    pub(crate) members: usize,
    /// Messages posted, all by one member.
    pub(crate) messages: u64,
    /// Messages on their way at once.
    pub(crate) window: u64,
}

/// New accounts on their way at once: together they share a commit.
pub(crate) const AT_ONCE: usize = 32;

/// After everyone has come in: longer than the host gathers who came.
pub(crate) const SETTLE: Duration = Duration::from_millis(2500);

/// CPU microseconds a delivery.
pub(crate) struct Cost {
    /// Of the floor.
    pub(crate) floor: f64,
    /// Of the host.
    pub(crate) host: f64,
}

/// Measures the floor, then the host.
///
/// # Errors
/// When a server does not start or a delivery gets lost.
pub(crate) async fn measure(binary: &Path, load: Load, floor_window: u64, runtime: Runtime) -> Result<Cost> {
    let floor = measure_floor(Load { window: floor_window, ..load }, runtime.tls).await?;
    let host = measure_host(binary, load, runtime).await?;
    Ok(Cost { floor, host })
}

async fn measure_floor(load: Load, tls: bool) -> Result<f64> {
    let server = Server::floor(tls, 1)?;
    let tally = Arc::new(Tally::default());
    let mut members = Vec::with_capacity(load.members);
    for _ in 0..load.members {
        members.push(join_floor(&server, tally.clone()).await?);
    }
    talk(&server, &mut members, &tally, load).await
}

async fn measure_host(binary: &Path, load: Load, runtime: Runtime) -> Result<f64> {
    let data = tempfile::tempdir()?;
    let server = Server::hearth(binary, data.path(), runtime)?;
    let tally = Arc::new(Tally::default());
    let owner = server.owner("owner")?;
    let mut members = vec![join_host(&server, owner, tally.clone()).await?.0];
    let mut others = stream::iter(1..load.members)
        .map(|number| {
            let by = SignIn::Register { name: format!("member {number}"), password: None };
            join_host(&server, by, tally.clone())
        })
        .buffered(AT_ONCE);
    while let Some(joined) = others.next().await {
        members.push(joined?.0);
    }
    drop(others);
    // What is told of those who came is no part of what is said.
    tokio::time::sleep(SETTLE).await;
    talk(&server, &mut members, &tally, load).await
}

async fn talk(server: &Server, members: &mut [Member], tally: &Tally, load: Load) -> Result<f64> {
    let (all, text) = (members.len() as u64, "x".repeat(100));
    let speaker = members.first_mut().context("somebody speaks")?;
    speaker.post(&text).await?;
    tally.reach(all).await?;
    let before = server.cpu()?;
    for number in 1..=load.messages {
        speaker.post(&text).await?;
        if number >= load.window {
            tally.reach(all * (number - load.window + 2)).await?;
        }
    }
    tally.reach(all * (load.messages + 1)).await?;
    let used = server.cpu()?.saturating_sub(before);
    Ok(used.as_secs_f64() * 1e6 / (all * load.messages) as f64)
}
