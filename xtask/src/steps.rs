//! Named steps with their durations, and the closing lines of the runners they call.
//!
//! Every step runs even when an earlier one failed, unless it needs what that one makes: one run shows all that is
//! wrong. What could not be done is a failure or is listed as skipped; it is never silent.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How a step ended.
enum Ending {
    Passed(String),
    Failed(String),
    Skipped(String),
}

struct Step {
    name: &'static str,
    took: Duration,
    ending: Ending,
}

/// The steps so far.
pub(crate) struct Steps {
    only: Option<String>,
    steps: Vec<Step>,
    closing: Vec<String>,
}

/// What a step answers: a word on what it did.
pub(crate) enum Done {
    /// It ran, and all was well.
    Passed(String),
    /// It could not run here, and why.
    Skipped(String),
}

impl Steps {
    /// No steps yet; with `only`, just those whose name contains it will run.
    pub(crate) fn new(only: Option<&str>) -> Self {
        Self { only: only.map(str::to_owned), steps: Vec::new(), closing: Vec::new() }
    }

    /// Runs a step that needs the steps named in `needs` to have passed.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        needs: &[&str],
        work: impl FnOnce(&mut Vec<String>) -> Result<Done>,
    ) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        let failed = |step: &Step| matches!(step.ending, Ending::Failed(_)) && needs.contains(&step.name);
        if let Some(cause) = self.steps.iter().find(|step| failed(step)) {
            let ending = Ending::Failed(format!("not run: it needs \"{}\"", cause.name));
            self.steps.push(Step { name, took: Duration::ZERO, ending });
            return;
        }
        println!("\n==> {name}");
        let begun = Instant::now();
        let ending = match work(&mut self.closing) {
            Ok(Done::Passed(word)) => Ending::Passed(word),
            Ok(Done::Skipped(reason)) => Ending::Skipped(reason),
            Err(error) => Ending::Failed(format!("{error:#}")),
        };
        match &ending {
            Ending::Passed(_) => {}
            Ending::Failed(reason) => println!("{name} failed: {reason}"),
            Ending::Skipped(reason) => println!("skipped: {reason}"),
        }
        self.steps.push(Step { name, took: begun.elapsed(), ending });
    }

    /// Prints the table, then the runners' own closing lines; says whether all went well.
    pub(crate) fn close(self) -> ExitCode {
        println!("\n{:<28} {:>8}  outcome", "step", "seconds");
        for step in &self.steps {
            let (outcome, word) = match &step.ending {
                Ending::Passed(word) => ("passed", word),
                Ending::Failed(reason) => ("FAILED", reason),
                Ending::Skipped(reason) => ("skipped", reason),
            };
            let word = word.lines().next().unwrap_or_default();
            println!("{:<28} {:>8.1}  {outcome} {word}", step.name, step.took.as_secs_f64());
        }
        let all: Duration = self.steps.iter().map(|step| step.took).sum();
        println!("{:<28} {:>8.1}", "all", all.as_secs_f64());
        println!();
        for line in &self.closing {
            println!("{line}");
        }
        let failed = self.steps.iter().filter(|step| matches!(step.ending, Ending::Failed(_))).count();
        let skipped = self.steps.iter().filter(|step| matches!(step.ending, Ending::Skipped(_))).count();
        let passed = self.steps.len() - failed - skipped;
        println!("steps: {passed} passed, {failed} failed, {skipped} skipped");
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Runs a command and wants it to succeed.
///
/// # Errors
/// When it does not start, or says that it failed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", line_of(command));
    let status = command.stdin(Stdio::null()).status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` ended with {status}", line_of(command));
    }
    Ok(())
}

/// Like [`run`], passing its output on and keeping the lines that `keep` wants.
///
/// # Errors
/// When it does not start, or says that it failed.
pub(crate) fn run_keeping(command: &mut Command, keep: fn(&str) -> bool) -> Result<Vec<String>> {
    println!("$ {}", line_of(command));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    let output = child.stdout.take().context("its output was asked for")?;
    let reader = thread::spawn(move || {
        let mut kept = Vec::new();
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            println!("{line}");
            if keep(line.trim()) {
                kept.push(line.trim().to_owned());
            }
        }
        kept
    });
    let status = child.wait()?;
    let kept = reader.join().unwrap_or_default();
    if !status.success() {
        bail!(
            "`{}` ended with {status}{}",
            line_of(command),
            kept.iter().fold(String::new(), |all, line| all + "\n" + line)
        );
    }
    Ok(kept)
}

fn cannot_start(command: &Command) -> String {
    format!("`{}` could not be started: is it installed?", command.get_program().to_string_lossy())
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
