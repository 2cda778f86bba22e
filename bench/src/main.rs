//! The load generator, and the floor the host is measured against. Every figure is printed with the floor of the same
//! run and their ratio; nothing here passes or fails by the clock.

mod cpu;
mod fanout;
mod floor;
mod idle;
mod server;
mod swarm;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures a Hearth host beside the floor", version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// One room, many members: CPU per delivery at 1 and at 16 messages in flight
    Fanout {
        /// The release build of hearth-server
        #[arg(long)]
        server: PathBuf,
        /// Members in the room
        #[arg(long, default_value_t = 1000)]
        members: usize,
        /// Messages posted
        #[arg(long, default_value_t = 1000)]
        messages: u64,
    },
    /// Idle members: CPU to connect, memory each, heartbeat
    Idle {
        /// The release build of hearth-server
        #[arg(long)]
        server: PathBuf,
        /// Members
        #[arg(long, default_value_t = 5000)]
        members: usize,
        /// Leave the heartbeat out, which takes a minute
        #[arg(long)]
        quick: bool,
    },
    /// The floor itself, until killed
    Floor {
        /// Where
        #[arg(long)]
        listen: SocketAddr,
    },
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match Arguments::parse().what {
        What::Floor { listen } => floor::serve(listen),
        What::Fanout { server, members, messages } => runtime.block_on(fanout(&server, members, messages)),
        What::Idle { server, members, quick } => runtime.block_on(idle(&server, members, !quick)),
    }
}

#[expect(clippy::print_stdout, reason = "the figures are the output")]
async fn idle(server: &std::path::Path, members: usize, watch: bool) -> Result<()> {
    let floor = idle::floor(members).await?;
    let cost = idle::measure(server, members, watch).await?;
    println!(
        "idle    {members} members  connect {:.0} µs (floor {floor:.0} µs)  memory {:.1} KiB each, goal 6  heartbeat {:.2} % of a core, goal 1",
        cost.connect,
        cost.memory,
        cost.heartbeat * 100.0
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are the output")]
async fn fanout(server: &std::path::Path, members: usize, messages: u64) -> Result<()> {
    for (window, goal) in [(1, 1.1), (16, 0.2)] {
        let load = fanout::Load { members, messages, window };
        let cost = fanout::measure(server, load, 1).await?;
        let ratio = cost.host / cost.floor;
        println!(
            "fanout  {members} members, {window:2} in flight  host {:.2} µs  floor {:.2} µs (1 in flight)  ratio {ratio:.2}  goal {goal}",
            cost.host, cost.floor
        );
    }
    Ok(())
}
