//! Many senders, each in a room of their own: how many messages a second are on disk and acknowledged, beside the
//! rate at which one thread fills the same tables.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use protocol::SignIn;

use crate::server::{Runtime, Server};
use crate::store::fill;
use crate::swarm::Dialogue;

/// How much is written by how many.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Members, each in a room of their own.
    pub(crate) senders: usize,
    /// Messages in all.
    pub(crate) messages: u64,
    /// Unacknowledged messages of one sender.
    pub(crate) window: u64,
}

/// What it came to.
pub(crate) struct Rate {
    /// Rows a second of one thread that fills the tables, in transactions of 1000.
    pub(crate) floor: f64,
    /// Messages a second, acknowledged.
    pub(crate) host: f64,
    /// CPU microseconds of the host per message.
    pub(crate) cpu: f64,
}

/// Measures the fill, then the host.
///
/// # Errors
/// When the host does not start or refuses a message.
pub(crate) async fn measure(binary: &Path, load: Load, runtime: Runtime) -> Result<Rate> {
    let data = tempfile::tempdir()?;
    let (dir, rooms, text) = (data.path().to_owned(), load.senders, text());
    let floor = tokio::task::spawn_blocking(move || fill::rate(&dir, load.messages, rooms, &text)).await??;
    let server = Server::hearth(binary, &data.path().join("host"), runtime)?;
    let (host, cpu) = write(&server, load).await?;
    Ok(Rate { floor, host, cpu })
}

/// Writes the load; gives messages a second and CPU microseconds each.
///
/// # Errors
/// When the host refuses a message.
pub(crate) async fn write(server: &Server, load: Load) -> Result<(f64, f64)> {
    let mut senders = Vec::with_capacity(load.senders);
    for number in 0..load.senders {
        let by = match number {
            0 => server.owner("owner")?,
            _ => SignIn::Register { name: format!("member {number}"), password: None },
        };
        let mut sender = Dialogue::begin(server, by).await?.0;
        sender.make_room(&format!("room {number}")).await?;
        senders.push(sender);
    }
    let (before, began) = (server.cpu()?, Instant::now());
    let each = load.messages / load.senders as u64;
    let mut tasks = Vec::with_capacity(load.senders);
    for mut sender in senders {
        tasks.push(tokio::spawn(async move { sender.post_all(each, load.window, &text()).await }));
    }
    for task in tasks {
        task.await.context("a sender")??;
    }
    let (cpu, messages) = (server.cpu()?.saturating_sub(before), (each * load.senders as u64) as f64);
    Ok((messages / began.elapsed().as_secs_f64(), cpu.as_secs_f64() * 1e6 / messages))
}

fn text() -> String {
    "x".repeat(100)
}

/// Fills a host's own tables with `messages` through its front door.
///
/// # Errors
/// When the host does not start or refuses.
pub(crate) async fn furnish(binary: &Path, data: &Path, messages: u64) -> Result<()> {
    let server = Server::hearth(binary, data, Runtime::default())?;
    write(&server, Load { senders: 50, messages, window: 64 }).await?;
    server.stop()
}
