//! Real programs in folders of their own: hosts that can be killed and started again, and command-line clients.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};
use protocol::InviteLink;
use serde_json::Value;
use tempfile::TempDir;

use crate::network::Namespace;
use crate::wait::{self, Lines};

/// The folder of one story; everything in it goes when the story ends.
pub struct World {
    folder: TempDir,
}

impl World {
    /// An empty world.
    ///
    /// # Errors
    /// When no folder can be made.
    pub fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix("hearth-story-").tempdir()? })
    }

    /// An empty world in memory, for drills that copy whole disks.
    ///
    /// # Errors
    /// When no folder can be made.
    pub fn in_memory() -> Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix("hearth-story-").tempdir_in("/dev/shm")? })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A host that has not been started yet. It listens on loopback, at a port the system chooses.
    pub fn host(&self, name: &str) -> HostPlan {
        HostPlan {
            program: program("hearth-server"),
            folder: self.folder().join(format!("host-{name}")),
            name: name.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            announce: false,
            open: false,
            namespace: None,
            environment: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// A command-line client with an installation of its own.
    ///
    /// # Errors
    /// When its folder can not be made.
    pub fn client(&self, name: &str) -> Result<Cli> {
        let folder = self.folder().join(format!("client-{name}"));
        fs::create_dir_all(&folder)?;
        Ok(Cli { folder, namespace: None })
    }
}

/// The path of a program of this workspace, beside the running test.
pub fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("HEARTH_BINARIES").map_or_else(beside_the_test, PathBuf::from);
    let path = folder.join(name);
    assert!(path.exists(), "{name} is not built: `cargo xtask test --only build` builds all the programs");
    path
}

fn beside_the_test() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/debug/deps");
    folder.to_owned()
}

/// How a host is to be started, each time again.
#[derive(Debug, Clone)]
pub struct HostPlan {
    /// Which binary.
    pub program: PathBuf,
    /// Its folder; the vault is in `data` below it, what it prints in `log`.
    pub folder: PathBuf,
    /// The name it has from its first start.
    pub name: String,
    /// Where it listens. A port of 0 becomes the chosen one at the first start.
    pub listen: String,
    /// Whether it shows itself on the network.
    pub announce: bool,
    /// Whether its first start opens it to everyone on the local network.
    pub open: bool,
    /// The network it lives in, if not ours.
    pub namespace: Option<Namespace>,
    /// Variables of its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Further settings, as `section.key=value`.
    pub settings: Vec<String>,
}

/// A running host.
pub struct Host {
    plan: HostPlan,
    child: Child,
    listening: Value,
}

impl HostPlan {
    /// The vault's folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self) -> Result<Command> {
        fs::create_dir_all(&self.folder)?;
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = match &self.namespace {
            Some(namespace) => namespace.command(&self.program),
            None => Command::new(&self.program),
        };
        command.arg("serve").arg("--data-dir").arg(self.data()).args(["--listen", &self.listen]);
        command.args(["--name", &self.name, "--json"]);
        command.args(self.settings.iter().flat_map(|setting| ["-O", setting]));
        if !self.announce {
            command.arg("--no-announce");
        }
        if self.open {
            command.args(["--registration", "open"]);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        Ok(command)
    }

    /// What it has said to its log so far, all starts together.
    ///
    /// # Errors
    /// When it has never been started.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.folder.join("log"))?).into_owned())
    }

    /// Runs another command of the host's program about this host, to its end: `admin`, `backup` and the like.
    ///
    /// # Errors
    /// When it does not end.
    pub fn run<A: AsRef<OsStr>>(&self, command: &str, arguments: &[A]) -> Result<Said> {
        let mut running = Command::new(&self.program);
        running.arg(command).arg("--data-dir").arg(self.data()).args(arguments);
        running.env("HEARTH_LISTEN__ADDRESS", &self.listen);
        finish(running, None)
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it does not come to listen; what it said is in the error.
    pub fn start(mut self) -> Result<Host> {
        let mut child = self.command()?.spawn().context("the host does not start")?;
        let output = child.stdout.take().context("its output was asked for")?;
        let listening = Lines::of(output)
            .find_json("line saying that the host listens", |line| {
                (line["event"] == "listening").then(|| line.clone())
            })
            .with_context(|| {
                let _ = child.kill();
                let _ = child.wait();
                fs::read_to_string(self.folder.join("log")).unwrap_or_default()
            })?;
        let address = listening["address"].as_str().context("a listening host names its address")?;
        let port = address.rsplit(':').next().context("an address ends with a port")?;
        let interface = self.listen.rsplit_once(':').context("it listens at an address")?.0;
        self.listen = format!("{interface}:{port}");
        Ok(Host { plan: self, child, listening })
    }

    /// Starts it wanting that it refuses, and returns its exit code with all it said.
    ///
    /// # Errors
    /// When it goes on running instead.
    pub fn start_in_vain(&self) -> Result<Said> {
        let mut command = self.command()?;
        command.stderr(Stdio::piped());
        finish(command, None)
    }
}

impl Host {
    /// Address and port, as a link in the same network can use it.
    pub fn address(&self) -> &str {
        &self.plan.listen
    }

    /// What it printed when it came to listen.
    pub fn listening(&self) -> &Value {
        &self.listening
    }

    /// The invite that makes its user the owner, while there is no owner.
    ///
    /// # Errors
    /// When the host has an owner already.
    pub fn owner_link(&self) -> Result<InviteLink> {
        let link = self.listening["owner_link"].as_str().context("the host has no owner link")?;
        Ok(InviteLink::parse(link)?)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, at once. Returns the plan with which the same host starts again.
    ///
    /// # Errors
    /// When the process is gone already.
    pub fn kill(mut self) -> Result<HostPlan> {
        self.child.kill()?;
        let status = self.child.wait()?;
        ensure!(status.code().is_none(), "the host had ended by itself before it was killed: {status}");
        Ok(self.plan.clone())
    }

    /// The plan by which it was started, with the port it has.
    pub fn plan(&self) -> &HostPlan {
        &self.plan
    }

    /// Waits until it ends by itself, and says how.
    ///
    /// # Errors
    /// When it does not end.
    pub fn ended(mut self) -> Result<(HostPlan, ExitStatus)> {
        let status = wait::end(&mut self.child, "the host")?;
        Ok((self.plan.clone(), status))
    }

    /// Stops all its threads where they are, or lets them go on.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let done = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status()?;
        ensure!(done.success(), "the host is gone");
        Ok(())
    }

    /// SIGTERM, and a graceful end.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub fn stop(mut self) -> Result<HostPlan> {
        let signal = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        ensure!(signal.success(), "the host was gone before it was stopped");
        let status = wait::end(&mut self.child, "the host")?;
        ensure!(status.success(), "the host ended with {status}");
        Ok(self.plan.clone())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program said when it was over.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Said {
    /// The output's lines of JSON.
    ///
    /// # Errors
    /// When one is not JSON.
    pub fn json(&self) -> Result<Vec<Value>> {
        let lines = self.out.lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))).collect()
    }
}

/// A command-line client with its own installation, opened by a key file.
#[derive(Debug, Clone)]
pub struct Cli {
    folder: PathBuf,
    /// The network it lives in, if not ours.
    pub namespace: Option<Namespace>,
}

impl Cli {
    /// The folder with all that it wrote.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The vault's folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The file with the key to its vault, outside of the vault.
    pub fn key_file(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// The command with this client's vault, for stories that want it otherwise.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = self.bare_command();
        command.arg("--key-file").arg(self.key_file()).args(arguments);
        command
    }

    /// The command without a word on how the vault opens.
    pub fn bare_command(&self) -> Command {
        let mut command = match &self.namespace {
            Some(namespace) => namespace.command(&program("hearth-cli")),
            None => Command::new(program("hearth-cli")),
        };
        command.arg("--data-dir").arg(self.data()).env("HOME", &self.folder);
        command.env_remove("DBUS_SESSION_BUS_ADDRESS").env_remove("XDG_RUNTIME_DIR");
        command
    }

    /// The command in a session of its own with a gnome-keyring, which keeps what it holds between two of them.
    ///
    /// # Errors
    /// When its folders can not be made.
    pub fn keyring_command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Command> {
        const UNLOCK: &str = "printf %s a-password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec \"$@\"";
        let runtime = self.folder.join("runtime");
        fs::create_dir_all(&runtime)?;
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700))?;
        let mut command = Command::new("dbus-run-session");
        command.args(["--", "bash", "-c", UNLOCK, "session"]).arg(program("hearth-cli"));
        command.arg("--data-dir").arg(self.data()).args(arguments);
        command.env("HOME", &self.folder).env("XDG_RUNTIME_DIR", &runtime);
        command.env("XDG_DATA_HOME", self.folder.join("keyrings"));
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        Ok(command)
    }

    /// Runs to the end, whatever that is.
    ///
    /// # Errors
    /// When it does not end.
    pub fn say<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Said> {
        finish(self.command(arguments), None)
    }

    /// Runs to the end with `input`, whatever that is.
    ///
    /// # Errors
    /// When it does not end.
    pub fn say_with_input<A: AsRef<OsStr>>(&self, arguments: &[A], input: &str) -> Result<Said> {
        finish(self.command(arguments), Some(input))
    }

    /// Runs to the end and wants it to be a good one; returns the output.
    ///
    /// # Errors
    /// When it fails; what it said is in the error.
    pub fn done<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Said> {
        let said = self.say(arguments)?;
        if said.code != Some(0) {
            bail!("hearth-cli failed: {said:?}");
        }
        Ok(said)
    }

    /// Joins by an invite under `name`.
    ///
    /// # Errors
    /// When it fails.
    pub fn join(&self, link: &InviteLink, name: &str) -> Result<()> {
        self.done(&["join", &link.to_app_link(), "--name", name]).map(drop)
    }

    /// Starts a command that goes on, for example `tail`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn begin<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Running> {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let lines = Lines::of(child.stdout.take().context("its output was asked for")?);
        Ok(Running { child, lines })
    }
}

/// A client that goes on until the story lets go of it.
pub struct Running {
    child: Child,
    /// What it says.
    pub lines: Lines,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end, with a bound.
///
/// # Errors
/// When it does not start or does not end.
pub fn finish(mut command: Command, input: Option<&str>) -> Result<Said> {
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
        pipe.write_all(input.as_bytes())?;
    }
    let out = wait::gather(child.stdout.take().context("its output was asked for")?);
    let err = wait::gather(child.stderr.take().context("its errors were asked for")?);
    let status = wait::end(&mut child, "a command")?;
    Ok(Said { code: status.code(), out: wait::joined(out)?, err: wait::joined(err)? })
}

/// Writes a file of a story.
///
/// # Errors
/// When it can not.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let mut file = File::create(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
