//! A server under measurement: started on its own core, measured from outside, ended with its handle.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use protocol::SignIn;

use crate::cpu;

/// How a host runs.
#[derive(Clone, Copy)]
pub(crate) struct Runtime {
    /// Worker threads, all on core 0.
    pub(crate) threads: usize,
    /// Whether members come over TLS.
    pub(crate) tls: bool,
}

impl Default for Runtime {
    fn default() -> Self {
        Self { threads: 1, tls: false }
    }
}

/// A running server process.
pub(crate) struct Server {
    child: Child,
    /// Whether members come over TLS.
    pub(crate) tls: bool,
    /// Where it listens, `ip:port`.
    pub(crate) address: String,
    /// The first invite's secret, when there is one.
    pub(crate) owner_token: Option<String>,
}

impl Server {
    /// Starts the floor, pinned to core 0, over TLS or plain, with so many rooms.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn floor(tls: bool, rooms: usize) -> Result<Self> {
        let me = std::env::current_exe().context("find this program")?;
        let mut command = pinned(&me);
        command.args(["floor", "--listen", "127.0.0.1:0", "--rooms"]).arg(rooms.to_string());
        command.args(tls.then_some("--tls"));
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let address = first_line(&mut child)?;
        Ok(Self { child, address, tls, owner_token: None })
    }

    /// Starts `hearth-server` with a new data folder, pinned to core 0.
    ///
    /// # Errors
    /// When it does not start or does not say where it listens.
    pub(crate) fn hearth(binary: &Path, data: &Path, runtime: Runtime) -> Result<Self> {
        let mut child = pinned(binary)
            .args(["serve", "--json", "--no-announce", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .args(["--registration", "open", "-O", "limits.attempts_per_address=1000000"])
            .args(["-O", "limits.members_per_room=1000000"])
            .env("TOKIO_WORKER_THREADS", runtime.threads.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let line: serde_json::Value =
            serde_json::from_str(&first_line(&mut child)?).context("the first line")?;
        let text = |key: &str| line.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let owner_token = text("owner_link").and_then(|link| Some(link.split_once("t=")?.1.to_owned()));
        let address = text("address").context("no address in the first line")?;
        Ok(Self { address, child, tls: runtime.tls, owner_token })
    }

    /// How the owner of a new host comes in.
    ///
    /// # Errors
    /// When there is an owner already.
    pub(crate) fn owner(&self, name: &str) -> Result<SignIn> {
        let token = self.owner_token.clone().context("a new host has an owner invite")?.into();
        Ok(SignIn::Invite { token, name: name.into(), password: None })
    }

    /// Stops it in good order.
    ///
    /// # Errors
    /// When it can't be told to, or ends badly.
    pub(crate) fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status().context("tell it to stop")?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the host ended with {status}");
        }
        Ok(())
    }

    /// CPU time used so far.
    ///
    /// # Errors
    /// When the process is gone.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu::time(self.child.id())
    }

    /// CPU time used so far, also by threads that have ended; exact to the hundredth of a second.
    ///
    /// # Errors
    /// When the process is gone.
    pub(crate) fn whole_cpu(&self) -> Result<Duration> {
        cpu::whole(self.child.id())
    }

    /// Resident memory in KiB.
    ///
    /// # Errors
    /// When the process is gone.
    pub(crate) fn memory(&self) -> Result<u64> {
        cpu::resident_kib(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

fn first_line(child: &mut Child) -> Result<String> {
    let output = child.stdout.take().context("output is piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if line.trim().is_empty() {
        bail!("the server ended before it listened");
    }
    Ok(line.trim().to_owned())
}
