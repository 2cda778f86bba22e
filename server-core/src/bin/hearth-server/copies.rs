//! `hearth-server backup`, `restore`, `export` and `forward`: a host's folder and its history, somewhere else.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use server_core::admin::{Answer, Command, restore};

use crate::ask::ask;
use crate::place::Place;
use crate::say;

#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    place: Place,
    /// The folder to make. Encrypted as the host's own, and opened by the same key.
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    place: Place,
    /// The backup; it stays as it is.
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    #[command(flatten)]
    place: Place,
    /// In one order that depends on nothing but the log; the only form there is.
    #[arg(long, required = true)]
    canonical: bool,
    /// The file to make [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Forward {
    #[command(flatten)]
    place: Place,
    /// Where the host is now, best first; may be given several times.
    #[arg(long, value_name = "NAME:PORT", required_unless_present = "undo")]
    to: Vec<String>,
    /// The host is here again.
    #[arg(long, conflicts_with = "to")]
    undo: bool,
}

impl Forward {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let command = if self.undo { Command::ComeHome } else { Command::Forward { to: self.to } };
        ask(&self.place, &command, |_| false)?;
        say(if self.undo { "the host is here again" } else { "this place now points to the new one" })
    }
}

impl Backup {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let to = std::path::absolute(&self.to).context("the folder is no path")?;
        let answer = ask(&self.place, &Command::Backup { to }, |_| false)?;
        crate::admin::lines(&answer).iter().try_for_each(|line| say(line))
    }
}

impl Restore {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let config = self.place.settings(Vec::new())?.settings.config()?;
        let to = config.data_dir.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let restored = runtime.block_on(restore(self.from, config))?;
        say(&format!("restored into {}: host {}", to.display(), restored.host_id))?;
        crate::admin::lines(&Answer::Stats(restored.figures)).iter().try_for_each(|line| say(line))
    }
}

impl Export {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let out: Box<dyn Write + Send> = match &self.output {
            Some(path) => Box::new(create(path).with_context(|| format!("cannot make {}", path.display()))?),
            None => Box::new(std::io::stdout()),
        };
        let done = self.write(out);
        if let (Err(_), Some(path)) = (&done, &self.output) {
            // Half an export would only stand in the way of the next one.
            let _ = std::fs::remove_file(path);
        }
        done
    }

    fn write(&self, out: Box<dyn Write + Send>) -> anyhow::Result<()> {
        // The first fault of writing ends the export, and is what is told.
        let out = Arc::new(Mutex::new((BufWriter::new(out), Ok(()))));
        let lines = Arc::clone(&out);
        let asked = ask(&self.place, &Command::Export, move |line| {
            let Ok(mut out) = lines.lock() else { return false };
            out.1 = writeln!(out.0, "{line}");
            out.1.is_ok()
        });
        let Ok(mut out) = out.lock() else { anyhow::bail!("the output failed") };
        std::mem::replace(&mut out.1, Ok(())).and_then(|()| out.0.flush()).context("the output failed")?;
        asked.map(drop)
    }
}

/// A new file for its owner only: it will hold everything that was ever said.
fn create(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
