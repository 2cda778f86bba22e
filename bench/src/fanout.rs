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

/// Turns that the floor and the host take: a machine that grows slower or faster meanwhile does so for both.
const TURNS: u64 = 10;

/// Measures the floor and the host by turns.
///
/// # Errors
/// When a server does not start or a delivery gets lost.
pub(crate) async fn measure(binary: &Path, load: Load, floor_window: u64, runtime: Runtime) -> Result<Cost> {
    let load = Load { messages: (load.messages / TURNS).max(1), ..load };
    let mut floor = Party::of_floor(load.members, runtime.tls).await?;
    let data = tempfile::tempdir()?;
    let mut host = Party::of_host(binary, data.path(), load.members, runtime).await?;
    // What is told of those who came is no part of what is said.
    tokio::time::sleep(SETTLE).await;
    let mut used = (Duration::ZERO, Duration::ZERO);
    for _ in 0..TURNS {
        used.0 += floor.talk(Load { window: floor_window, ..load }).await?;
        used.1 += host.talk(load).await?;
    }
    let each =
        |used: Duration| used.as_secs_f64() * 1e6 / (load.members as u64 * load.messages * TURNS) as f64;
    Ok(Cost { floor: each(used.0), host: each(used.1) })
}

/// A server and those who came to it.
struct Party {
    server: Server,
    members: Vec<Member>,
    tally: Arc<Tally>,
    /// Deliveries so far.
    heard: u64,
}

impl Party {
    async fn of_floor(members: usize, tls: bool) -> Result<Self> {
        let (server, tally) = (Server::floor(tls, 1)?, Arc::new(Tally::default()));
        let mut party = Self { server, members: Vec::with_capacity(members), tally, heard: 0 };
        for _ in 0..members {
            party.members.push(join_floor(&party.server, party.tally.clone()).await?);
        }
        Ok(party)
    }

    async fn of_host(binary: &Path, data: &Path, members: usize, runtime: Runtime) -> Result<Self> {
        let (server, tally) = (Server::hearth(binary, data, runtime)?, Arc::new(Tally::default()));
        let owner = server.owner("owner")?;
        let mut joined = vec![join_host(&server, owner, tally.clone()).await?.0];
        let mut others = stream::iter(1..members)
            .map(|number| {
                let by = SignIn::Register { name: format!("member {number}"), password: None };
                join_host(&server, by, tally.clone())
            })
            .buffered(AT_ONCE);
        while let Some(other) = others.next().await {
            joined.push(other?.0);
        }
        drop(others);
        Ok(Self { server, members: joined, tally, heard: 0 })
    }

    /// The CPU time for what is said, after a word to warm up.
    async fn talk(&mut self, load: Load) -> Result<Duration> {
        let (all, text) = (self.members.len() as u64, "x".repeat(100));
        let speaker = self.members.first_mut().context("somebody speaks")?;
        speaker.post(&text).await?;
        self.heard += all;
        self.tally.reach(self.heard).await?;
        let before = self.server.cpu()?;
        for number in 1..=load.messages {
            speaker.post(&text).await?;
            if number >= load.window {
                self.tally.reach(self.heard + all * (number - load.window + 1)).await?;
            }
        }
        self.heard += all * load.messages;
        self.tally.reach(self.heard).await?;
        Ok(self.server.cpu()?.saturating_sub(before))
    }
}
