//! What the program says beside its answers: the log, and why it ends.
//!
//! Only the host's own code may say more than `info`. What it stands on would write down what it carries: whole frames,
//! with passwords and messages in them.

use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;

use jiff::Timestamp;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{Log, LogFormat, SettingsError};

/// The crates that are written so that nothing private can get into a log.
const OWN: [&str; 4] = ["hearth_server", "server_core", "vault", "protocol"];

/// How everything on standard error is written once a log has begun.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Begins the log on standard error.
pub(crate) fn begin(log: &Log) -> Result<(), SettingsError> {
    let filter = log.filter()?.and(filter_fn(may_say));
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal());
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    if FORMAT.set(log.format).is_ok() && log.format == LogFormat::Json {
        // The usual words about a panic are no JSON.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            complain(&format!(
                "a fault of the program at {place}: {}",
                panic.payload_as_str().unwrap_or_default()
            ));
        }));
    }
    Ok(())
}

fn may_say(what: &Metadata<'_>) -> bool {
    let crate_name = what.target().split("::").next().unwrap_or_default();
    *what.level() <= Level::INFO || OWN.contains(&crate_name)
}

/// Says what went wrong, whatever the log is told to leave out.
#[allow(clippy::print_stderr, reason = "this is where programs complain")]
pub(crate) fn complain(what: &str) {
    if FORMAT.get() == Some(&LogFormat::Json) {
        let line = serde_json::json!({
            "timestamp": Timestamp::now().to_string(),
            "level": "ERROR",
            "target": env!("CARGO_BIN_NAME").replace('-', "_"),
            "message": what,
        });
        eprintln!("{line}");
    } else {
        eprintln!("{}: {what}", env!("CARGO_BIN_NAME"));
    }
}
