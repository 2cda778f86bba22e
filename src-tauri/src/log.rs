//! The log: to standard error and to a file in the profile, where a person can find it after something went wrong.
//! It refuses to grow without end. What others write into it holds no texts and no secrets.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

/// A log larger than this is set aside at the next start: enough for weeks, small enough to mail.
const LOG_BYTES: u64 = 2 * 1024 * 1024;

/// Starts logging. Without a file it goes to standard error alone: a log is no reason not to start.
pub(crate) fn start(path: &Path) {
    let filter = EnvFilter::try_from_env("HEARTH_LOG").unwrap_or_else(|_| {
        EnvFilter::new("warn,arboard=error,hearth=info,server_core=info,client_core=info")
    });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    // Only fails when a test has set a subscriber already.
    let _ = match open(path) {
        Ok(file) => lines.with_writer(io::stderr.and(Mutex::new(file))).try_init(),
        Err(_) => lines.with_writer(io::stderr).try_init(),
    };
}

fn open(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|log| log.len() > LOG_BYTES) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    File::options().create(true).append(true).open(path)
}
