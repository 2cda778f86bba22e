//! Everyone comes back at once, with the tokens they have: what one sign-in costs the host.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::{Secret, SignIn};

use crate::server::{Runtime, Server};
use crate::swarm::{Dialogue, Tally, join_host};

/// Sign-ins on their way at once.
const AT_ONCE: usize = 200;

/// Accounts being made at once: no more than these are connected together.
const MADE_AT_ONCE: usize = 32;

/// Who is away for longer than this is noted to have come back: last-seen is exact to the minute.
const AWAY: Duration = Duration::from_secs(62);

/// What it came to.
pub(crate) struct Cost {
    /// CPU microseconds from connect to signed-in.
    pub(crate) cpu: f64,
    /// Seconds until the last was in.
    pub(crate) seconds: f64,
    /// CPU microseconds each, with telling everyone who came.
    pub(crate) told: f64,
}

/// Makes `devices` accounts, restarts the host, lets all of them come back.
///
/// # Errors
/// When the host does not start or refuses somebody.
pub(crate) async fn measure(binary: &Path, devices: usize, away: bool, runtime: Runtime) -> Result<Cost> {
    let data = tempfile::tempdir()?;
    let tokens = accounts(binary, data.path(), devices, runtime).await?;
    if away {
        tokio::time::sleep(AWAY).await;
    }
    let server = Arc::new(Server::hearth(binary, data.path(), runtime)?);
    let tally = Arc::new(Tally::default());
    let (before, began) = (server.whole_cpu()?, Instant::now());
    let mut waiting = tokens.into_iter();
    let mut tasks = tokio::task::JoinSet::new();
    let mut kept = Vec::with_capacity(devices);
    loop {
        while tasks.len() < AT_ONCE
            && let Some(token) = waiting.next()
        {
            let (server, tally) = (Arc::clone(&server), tally.clone());
            tasks.spawn(async move { join_host(&server, SignIn::Session { token }, tally).await });
        }
        let Some(joined) = tasks.join_next().await else { break };
        kept.push(joined.context("a device")??.0);
    }
    let (cpu, seconds) = (server.whole_cpu()?.saturating_sub(before), began.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = server.whole_cpu()?.saturating_sub(before);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / devices as f64;
    Ok(Cost { cpu: each(cpu), seconds, told: each(told) })
}

/// Makes accounts in a new host and gives their tokens.
///
/// # Errors
/// When the host does not start or refuses somebody.
pub(crate) async fn accounts(
    binary: &Path,
    data: &Path,
    devices: usize,
    runtime: Runtime,
) -> Result<Vec<Secret>> {
    // Making them over TLS would measure nothing more.
    let runtime = Runtime { tls: false, ..runtime };
    let server = Arc::new(Server::hearth(binary, data, runtime)?);
    let mut tokens = vec![account(&server, server.owner("owner")?).await?];
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..devices {
        let (server, name) = (Arc::clone(&server), format!("member {number}"));
        tasks.spawn(async move { account(&server, SignIn::Register { name, password: None }).await });
        if tasks.len() >= MADE_AT_ONCE {
            tokens.push(tasks.join_next().await.context("an account")???);
        }
    }
    while let Some(token) = tasks.join_next().await {
        tokens.push(token??);
    }
    Arc::into_inner(server).context("everyone has left")?.stop()?;
    Ok(tokens)
}

async fn account(server: &Server, by: SignIn) -> Result<Secret> {
    let (_, signed_in) = Dialogue::begin(server, by).await?;
    signed_in.token.context("a new device gets a token")
}
