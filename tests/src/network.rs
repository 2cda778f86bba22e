//! Two machines on one network, as namespaces on a bridge. Needs root; says so where it is not.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, ensure};

/// Two namespaces whose interfaces meet at a bridge.
pub struct Network {
    bridge: String,
    /// The first machine, at 10.77.x.1.
    pub one: Namespace,
    /// The second machine, at 10.77.x.2.
    pub other: Namespace,
}

/// One machine of a [`Network`].
#[derive(Debug, Clone)]
pub struct Namespace {
    name: String,
    address: String,
}

/// Why a story that needs a network of its own can not be told here; printed past the capture of the test runner.
pub fn skipped(story: &str) -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    if root {
        return false;
    }
    let _ = writeln!(std::io::stdout(), "skipped: {story}: not root, so no network namespaces");
    true
}

static NETWORKS: AtomicU32 = AtomicU32::new(0);

impl Network {
    /// Two fresh machines.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> Result<Self> {
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let tag = format!("{:x}{number}", std::process::id() & 0xffff);
        let subnet = std::process::id() % 200 + number;
        let machine = |letter: char, last: u8| Namespace {
            name: format!("h{letter}{tag}"),
            address: format!("10.77.{subnet}.{last}"),
        };
        let network = Self { bridge: format!("hb{tag}"), one: machine('a', 1), other: machine('b', 2) };
        ip(&["link", "add", &network.bridge, "type", "bridge"])?;
        ip(&["link", "set", &network.bridge, "up"])?;
        for machine in [&network.one, &network.other] {
            machine.plug_into(&network.bridge)?;
        }
        Ok(network)
    }

    /// Cuts the two machines off from each other, or heals it. Neither sees its own cable go.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn cut(&self, cut: bool) -> Result<()> {
        let outside = format!("v{}", self.other.name);
        if cut {
            return ip(&["link", "set", &outside, "nomaster"]);
        }
        ip(&["link", "set", &outside, "master", &self.bridge])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.one.name]);
        let _ = ip(&["netns", "del", &self.other.name]);
        let _ = ip(&["link", "del", &self.bridge]);
    }
}

impl Namespace {
    /// Its address on the bridge.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A program of this machine.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    fn plug_into(&self, bridge: &str) -> Result<()> {
        let (name, outside) = (self.name.as_str(), format!("v{}", self.name));
        ip(&["netns", "add", name])?;
        ip(&["link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", name])?;
        ip(&["link", "set", &outside, "master", bridge, "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        ip(&["-n", name, "link", "set", "eth0", "up"])?;
        ip(&["-n", name, "addr", "add", &format!("{}/24", self.address), "dev", "eth0"])?;
        // Where multicast goes when nothing else says so.
        ip(&["-n", name, "route", "add", "default", "dev", "eth0"])
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let answer = Command::new("ip").args(arguments).output()?;
    let why = String::from_utf8_lossy(&answer.stderr);
    ensure!(answer.status.success(), "ip {}: {}", arguments.join(" "), why.trim());
    Ok(())
}
