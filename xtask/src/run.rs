//! `cargo xtask run`: from a clone to a window, or to a headless host where there is no display.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};

use crate::packages;
use crate::steps::run as call;
use crate::tools::{cargo, npm_packages};
use crate::{target, ui};

/// Installs what is missing, builds, and starts with `arguments`.
///
/// # Errors
/// When something needed is lacking, or a build fails.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let display = has_display();
    if cfg!(target_os = "linux") {
        packages::install_for_build(display)?;
    }
    npm_packages("ui")?;
    ui::build()?;
    let program = if display { desktop()? } else { headless()? };
    let status = start(&program, display, arguments)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn has_display() -> bool {
    let named = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || named("DISPLAY") || named("WAYLAND_DISPLAY")
}

fn desktop() -> Result<PathBuf> {
    call(cargo().args(["build", "--package", "hearth", "--features", "custom-protocol"]))?;
    Ok(target().join("debug/hearth"))
}

fn headless() -> Result<PathBuf> {
    println!("no display here: this will host without a window");
    call(cargo().args(["build", "--package", "server-core", "--bin", "hearth-server"]))?;
    Ok(target().join("debug/hearth-server"))
}

fn start(program: &Path, display: bool, arguments: &[String]) -> Result<ExitStatus> {
    let mut command = Command::new(program);
    if !display {
        command.arg("serve");
        let told = arguments.iter().any(|argument| argument.starts_with("--data-dir"));
        if !told && std::env::var_os("HEARTH_DATA_DIR").is_none() {
            command.arg("--data-dir").arg(data_folder()?.join("hearth/host"));
        }
    }
    command.args(arguments).status().with_context(|| format!("{} could not be started", program.display()))
}

/// Where programs of this user keep data (XDG base directories).
fn data_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("XDG_DATA_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let home = std::env::var_os("HOME").context("HOME is not set: say where with `-- --data-dir FOLDER`")?;
    Ok(PathBuf::from(home).join(".local/share"))
}
