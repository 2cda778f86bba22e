//! `hearth-server healthcheck`: one question to the host on this computer.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

use crate::place::Place;
use crate::say;

/// For every step of the question.
const PATIENCE: Duration = Duration::from_secs(5);

/// The answer is one line; more is not read.
const ANSWER_BYTES: u64 = 4096;

#[derive(Debug, clap::Args)]
pub(crate) struct Healthcheck {
    #[command(flatten)]
    place: Place,
    /// Where the host listens [default: as the settings say].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Healthcheck {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let address = match self.listen {
            Some(address) => address,
            None => self.place.settings(Vec::new())?.settings.listen.address,
        };
        let answer = ask(here(address), "/readyz")?;
        anyhow::ensure!(
            answer.starts_with("HTTP/1.1 200 "),
            "the host is up but not ready: {}",
            last(&answer)
        );
        say(last(&answer))
    }
}

/// Asks the host at `address`, which is on this computer, for `path`.
pub(crate) fn ask(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let unreachable = || format!("nothing answers at {address}; is the host running?");
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE).with_context(unreachable)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .with_context(unreachable)?;
    let mut answer = String::new();
    socket.take(ANSWER_BYTES).read_to_string(&mut answer).with_context(unreachable)?;
    Ok(answer)
}

/// Where this computer reaches a listener.
pub(crate) fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The line that an answer ends with.
pub(crate) fn last(answer: &str) -> &str {
    answer.trim_end().lines().next_back().unwrap_or_default()
}
