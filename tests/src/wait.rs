//! Waiting with a bound: for a condition, for a line of a program, for its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Long enough for a busy machine, short enough to notice that nothing comes.
pub const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Looks again and again until `look` finds something.
///
/// # Errors
/// When [`PATIENCE`] is over; `what` says what was waited for.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("waited {} s in vain for {what}", PATIENCE.as_secs());
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// The end of a process; one that does not end is killed.
///
/// # Errors
/// When it did not end by itself.
pub fn end(child: &mut Child, what: &str) -> Result<ExitStatus> {
    let ended = until(&format!("the end of {what}"), || child.try_wait().transpose());
    match ended {
        Ok(status) => Ok(status?),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    }
}

/// The lines of a running program, read as they come.
pub struct Lines {
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    /// Reads `output` on a thread of its own until it ends.
    pub fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, seen: Vec::new() }
    }

    /// The next line that `wanted` makes something of.
    ///
    /// # Errors
    /// When [`PATIENCE`] is over or the program's output has ended; both tell what it said instead.
    pub fn find<T>(&mut self, what: &str, mut wanted: impl FnMut(&str) -> Option<T>) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = wanted(&line);
                    self.seen.push(line);
                    if let Some(found) = found {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("no {what} within bounds; there came {:?}", self.seen)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("no {what} to the end; there came {:?}", self.seen)
                }
            }
        }
    }

    /// The next line of JSON that `wanted` makes something of.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_json<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&serde_json::Value) -> Option<T>,
    ) -> Result<T> {
        self.find(what, |line| serde_json::from_str(line).ok().and_then(|value| wanted(&value)))
    }

    /// Everything that came so far and was looked at.
    pub fn seen(&self) -> &[String] {
        &self.seen
    }
}

/// All of a pipe as text, read on a thread of its own.
pub(crate) fn gather(mut output: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = output.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

pub(crate) fn joined(gathering: thread::JoinHandle<String>) -> Result<String> {
    gathering.join().ok().context("the reader of a pipe panicked")
}
