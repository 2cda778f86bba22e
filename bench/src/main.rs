//! The load generator, and the floor the host is measured against. Every figure is printed with the floor of the same
//! run and their ratio; nothing here passes or fails by the clock.

mod commit;
mod cpu;
mod fanout;
mod floor;
mod idle;
mod resume;
mod rooms;
mod server;
mod start;
mod store;
mod swarm;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use server::Runtime;

#[derive(Parser)]
#[command(about = "Measures a Hearth host beside the floor", version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// The host under measurement.
#[derive(Args, Clone)]
struct Host {
    /// The release build of hearth-server
    #[arg(long)]
    server: PathBuf,
    /// Its runtime threads, all on one core
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Members come over TLS
    #[arg(long)]
    tls: bool,
}

#[derive(Subcommand)]
enum What {
    /// One room, many members: CPU per delivery at 1 and at 16 messages in flight
    Fanout {
        #[command(flatten)]
        host: Host,
        /// Members in the room
        #[arg(long, default_value_t = 1000)]
        members: usize,
        /// Messages posted
        #[arg(long, default_value_t = 1000)]
        messages: u64,
    },
    /// Many rooms, everyone talking: CPU per delivery, and how evenly deliveries come
    Rooms {
        #[command(flatten)]
        host: Host,
        /// Members, dealt out to the rooms in turn
        #[arg(long, default_value_t = 1000)]
        members: usize,
        /// Rooms
        #[arg(long, default_value_t = 100)]
        rooms: usize,
        /// Messages of each member
        #[arg(long, default_value_t = 40)]
        messages: u64,
        /// Messages a second of all together; 0: each member speaks again as soon as it hears itself
        #[arg(long, default_value_t = 0)]
        rate: u64,
    },
    /// Many senders: messages on disk a second, beside one thread that fills the same tables
    Commit {
        #[command(flatten)]
        host: Host,
        /// Members who send
        #[arg(long, default_value_t = 64)]
        senders: usize,
        /// Messages posted
        #[arg(long, default_value_t = 200_000)]
        messages: u64,
        /// Unacknowledged messages of each sender
        #[arg(long, default_value_t = 32)]
        window: u64,
    },
    /// Idle members: CPU to connect, memory each, heartbeat
    Idle {
        #[command(flatten)]
        host: Host,
        /// Members
        #[arg(long, default_value_t = 19_000)]
        members: usize,
        /// Leave the heartbeat out, which takes a minute
        #[arg(long)]
        quick: bool,
    },
    /// Everyone comes back after a restart: CPU per sign-in by token
    Resume {
        #[command(flatten)]
        host: Host,
        /// Devices
        #[arg(long, default_value_t = 10_000)]
        devices: usize,
        /// Everyone was away for more than a minute, so that it is written down that they are back
        #[arg(long)]
        away: bool,
    },
    /// A host with a long history: time to listening, memory when idle
    Start {
        #[command(flatten)]
        host: Host,
        /// Messages in its history
        #[arg(long, default_value_t = 1_000_000)]
        messages: u64,
    },
    /// The floor itself, until killed
    Floor {
        /// Where
        #[arg(long)]
        listen: SocketAddr,
        /// Speak TLS
        #[arg(long)]
        tls: bool,
        /// Rooms to which connections are dealt out in turn
        #[arg(long, default_value_t = 1)]
        rooms: usize,
    },
}

impl Host {
    fn runtime(&self) -> Runtime {
        Runtime { threads: self.threads, tls: self.tls }
    }

    fn name(&self) -> String {
        let wire = if self.tls { "TLS" } else { "plain" };
        format!("{wire}, {} threads", self.threads)
    }
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match Arguments::parse().what {
        What::Floor { listen, tls, rooms } => floor::serve(listen, tls, rooms.max(1)),
        What::Fanout { host, members, messages } => runtime.block_on(fanout(&host, members, messages)),
        What::Rooms { host, members, rooms, messages, rate } => {
            runtime.block_on(rooms_cost(&host, rooms::Load { members, rooms: rooms.max(1), messages, rate }))
        }
        What::Commit { host, senders, messages, window } => {
            runtime.block_on(commit(&host, commit::Load { senders, messages, window }))
        }
        What::Idle { host, members, quick } => runtime.block_on(idle(&host, members, !quick)),
        What::Resume { host, devices, away } => runtime.block_on(resume(&host, devices, away)),
        What::Start { host, messages } => runtime.block_on(start(&host, messages)),
    }
}

#[expect(clippy::print_stdout, reason = "the figures are the output")]
fn report(line: &str) {
    println!("{line}");
}

async fn fanout(host: &Host, members: usize, messages: u64) -> Result<()> {
    for (window, goal) in [(1, 1.1), (16, 0.2)] {
        let load = fanout::Load { members, messages, window };
        let cost = fanout::measure(&host.server, load, 1, host.runtime()).await?;
        report(&format!(
            "fanout  {}  {members} members, {window:2} in flight  host {:.2} µs  floor {:.2} µs (1 in flight)  ratio {:.2}  goal {goal}",
            host.name(),
            cost.host,
            cost.floor,
            cost.host / cost.floor
        ));
    }
    Ok(())
}

async fn rooms_cost(host: &Host, load: rooms::Load) -> Result<()> {
    let floor = rooms::floor(load, host.tls).await?;
    let cost = rooms::host(&host.server, load, host.runtime()).await?;
    report(&format!(
        "rooms   {}  {} members in {} rooms  host {:.2} µs a delivery  floor {:.2} µs  ratio {:.2}  goal 1.5  half within {:.1} ms, 99 of 100 within {:.1} ms, ratio {:.1}  goal 3 (floor {:.1} and {:.1} ms)",
        host.name(),
        load.members,
        load.rooms,
        cost.cpu,
        floor.cpu,
        cost.cpu / floor.cpu,
        cost.half,
        cost.most,
        cost.most / cost.half,
        floor.half,
        floor.most
    ));
    Ok(())
}

async fn commit(host: &Host, load: commit::Load) -> Result<()> {
    let rate = commit::measure(&host.server, load, host.runtime()).await?;
    report(&format!(
        "commit  {}  {} senders, {} each in flight  host {:.0} a second, {:.0} µs CPU each  one thread filling {:.0} rows a second  ratio {:.2}  goal 0.5",
        host.name(),
        load.senders,
        load.window,
        rate.host,
        rate.cpu,
        rate.floor,
        rate.host / rate.floor
    ));
    Ok(())
}

async fn idle(host: &Host, members: usize, watch: bool) -> Result<()> {
    idle::room_for(members)?;
    let floor = idle::floor(members, host.tls).await?;
    let cost = idle::measure(&host.server, members, watch, host.runtime()).await?;
    report(&format!(
        "idle    {}  {members} members  connect, one by one {:.0} µs, floor {:.0} µs, ratio {:.1}  memory {:.1} KiB each, goal {}, floor {:.1}  heartbeat {:.2} % of a core, goal 1",
        host.name(),
        cost.connect,
        floor.0,
        cost.connect / floor.0,
        cost.memory,
        if host.tls { 20 } else { 6 },
        floor.1,
        cost.heartbeat * 100.0
    ));
    Ok(())
}

async fn resume(host: &Host, devices: usize, away: bool) -> Result<()> {
    idle::room_for(devices)?;
    let (floor, _) = idle::floor(devices, host.tls).await?;
    let cost = resume::measure(&host.server, devices, away, host.runtime()).await?;
    report(&format!(
        "resume  {}  {devices} devices{}  host {:.0} µs each, {:.0} µs with telling who came, {:.1} s for all  floor {floor:.0} µs (connect{})  ratio {:.1}, {:.0} µs more  goal 150 µs plain",
        host.name(),
        if away { " after a minute" } else { "" },
        cost.cpu,
        cost.told,
        cost.seconds,
        if host.tls { " and handshake" } else { "" },
        cost.cpu / floor,
        cost.cpu - floor
    ));
    Ok(())
}

async fn start(host: &Host, messages: u64) -> Result<()> {
    let cost = start::measure(&host.server, messages, host.runtime()).await?;
    let process = start::floor()?;
    report(&format!(
        "start   {messages} messages  {:.0} ms to listening (least {:.0}), {:.0} ms CPU, goal 50  floor {process:.0} ms (the same for the floor)  ratio {:.1}  {:.1} MiB idle, goal 15",
        cost.wall.0,
        cost.wall.1,
        cost.cpu,
        cost.wall.0 / process,
        cost.memory
    ));
    Ok(())
}
