//! `hearth-server doctor`: looks at everything a host needs, and says in plain words what to do.
//!
//! Changes nothing, and never makes a host where there is none.

use std::net::SocketAddr;
use std::path::Path;

use protocol::UnixMillis;
use server_core::admin::{Answer, Command};

use crate::ask::ask;
use crate::healthcheck::{ask as question, here, last};
use crate::place::Place;
use crate::say;
use crate::settings::Settings;

/// Less free space than this is worth a word.
const LITTLE_SPACE: u64 = 1024 * 1024 * 1024;

/// Sockets a process should be allowed to have; a host of a large team needs them.
const ENOUGH_FILES: u64 = 4096;

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    place: Place,
    /// Don't read the whole database.
    #[arg(long)]
    quick: bool,
}

/// A certificate should be renewed before it has this few days left; those of six days are renewed with two left.
const SOON: i64 = 2;

/// A day in milliseconds.
const DAY: i64 = 24 * 3_600_000;

/// What came of one look.
enum Finding {
    Good(String),
    /// Works, but not for long or not for all.
    Doubtful(String),
    Bad(String),
}

impl Doctor {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let settings = self.place.settings(Vec::new())?.settings;
        let hold = server_core::check_files(&settings.config()?);
        let mut findings = vec![match hold {
            Ok(()) => Finding::Good("the settings hold".into()),
            Err(error) => Finding::Bad(error.to_string()),
        }];
        findings.extend(folder(&settings.host.data_dir));
        findings.push(space(&settings.host.data_dir));
        findings.extend(files());
        findings.extend(port(&settings));
        findings.extend(certificate(&self.place, &settings));
        if server_core::is_host(&settings.host.data_dir) && !self.quick {
            findings.extend(database(&self.place));
        }
        let bad = findings.iter().filter(|finding| matches!(finding, Finding::Bad(_))).count();
        for finding in findings {
            match finding {
                Finding::Good(what) => say(&format!("good   {what}"))?,
                Finding::Doubtful(what) => say(&format!("doubt  {what}"))?,
                Finding::Bad(what) => say(&format!("BAD    {what}"))?,
            }
        }
        anyhow::ensure!(bad == 0, "{bad} found; see above what to do");
        Ok(())
    }
}

/// The pages of the database, and if they are whole, what is in them.
fn database(place: &Place) -> Vec<Finding> {
    if let Err(error) = ask(place, &Command::Check, |_| false) {
        return vec![Finding::Bad(crate::told(&error))];
    }
    let mut findings = vec![Finding::Good("every page of the database is whole".into())];
    findings.extend(damage(place));
    findings
}

/// Rows that can't be read as they should be: the host goes on without them.
fn damage(place: &Place) -> Vec<Finding> {
    match ask(place, &Command::Damage, |_| false) {
        Ok(Answer::Damage { rows }) if rows.is_empty() => vec![Finding::Good("every row can be read".into())],
        Ok(Answer::Damage { rows }) => {
            let told = |(table, rows)| {
                Finding::Doubtful(format!(
                    "{rows} of the table {table} can't be read as they should be and are passed over; a backup may have them whole"
                ))
            };
            rows.into_iter().map(told).collect()
        }
        Ok(_) => Vec::new(),
        Err(error) => vec![Finding::Bad(crate::told(&error))],
    }
}

fn folder(folder: &Path) -> Vec<Finding> {
    if !server_core::is_host(folder) {
        let what = format!("there is no host in {} yet; `serve` makes one", folder.display());
        return vec![Finding::Doubtful(what)];
    }
    let mut findings = vec![Finding::Good(format!("there is a host in {}", folder.display()))];
    findings.push(match vault::peek(folder) {
        Err(error) => Finding::Bad(error.to_string()),
        Ok(peek) => match peek.key_file {
            Some(key) if !key.exists() => Finding::Doubtful(format!(
                "its key file {} is not there; say where it is by --key-file",
                key.display()
            )),
            Some(_) if peek.slots.len() == 1 => Finding::Doubtful(
                "its key file is the only way in: keep a copy of it apart from the host's folder".into(),
            ),
            _ => Finding::Good(format!("it opens in {} ways", peek.slots.len())),
        },
    });
    findings.extend(exposed(folder));
    findings.push(match server_core::newest_snapshot(folder) {
        Some(newest) => Finding::Good(format!("its newest snapshot is {}", newest.display())),
        None => Finding::Doubtful(
            "there is no snapshot of it yet; a running host makes the first in ten minutes".into(),
        ),
    });
    findings
}

#[cfg(unix)]
fn exposed(folder: &Path) -> Option<Finding> {
    use std::os::unix::fs::MetadataExt;
    let mode = std::fs::metadata(folder).ok()?.mode();
    (mode & 0o077 != 0).then(|| {
        Finding::Doubtful(format!("other users may look into {}; set its mode to 0700", folder.display()))
    })
}

#[cfg(not(unix))]
fn exposed(_folder: &Path) -> Option<Finding> {
    None
}

#[cfg(unix)]
fn space(folder: &Path) -> Finding {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let what = format!("{} MiB are free on the disk", free / (1024 * 1024));
            if free < LITTLE_SPACE {
                Finding::Doubtful(format!("only {what}; make room"))
            } else {
                Finding::Good(what)
            }
        }
        Err(error) => Finding::Bad(format!("the disk of {} can't be asked: {error}", there.display())),
    }
}

#[cfg(not(unix))]
fn space(_folder: &Path) -> Finding {
    Finding::Doubtful("the free space is not known on this system".into())
}

#[cfg(unix)]
fn files() -> Option<Finding> {
    // A host takes all it may have.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum?;
    Some(if limit < ENOUGH_FILES {
        Finding::Doubtful(format!(
            "a process may open {limit} sockets and files only; raise it (LimitNOFILE=)"
        ))
    } else {
        Finding::Good(format!("a process may open {limit} sockets and files"))
    })
}

#[cfg(not(unix))]
fn files() -> Option<Finding> {
    None
}

/// What browsers see, if the host is running and has a certificate or wants one.
fn certificate(place: &Place, settings: &Settings) -> Vec<Finding> {
    if !server_core::is_host(&settings.host.data_dir) {
        return Vec::new();
    }
    let Ok(Answer::Certificate(certificate)) = ask(place, &Command::Certificate, |_| false) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    findings.extend(certificate.files_end_at.map(|ends| life("the certificate from files", ends)));
    findings.extend(certificate.ends_at.map(|ends| life("the authority's certificate", ends)));
    if let Some(problem) = certificate.problem {
        let what =
            format!("the authority gives no certificate ({} attempts): {problem}", certificate.failures);
        let holds = certificate.ends_at.is_some_and(|ends| ends > now());
        findings.push(if holds { Finding::Doubtful(what) } else { Finding::Bad(what) });
    }
    findings
}

fn life(what: &str, ends: UnixMillis) -> Finding {
    let days = (ends.0 - now().0) / DAY;
    match days {
        _ if ends <= now() => Finding::Bad(format!("{what} has ended; renew it")),
        0..SOON => {
            Finding::Doubtful(format!("{what} ends in {days} days; it should have been renewed by now"))
        }
        _ => Finding::Good(format!("{what} is good for {days} days")),
    }
}

fn now() -> UnixMillis {
    UnixMillis(jiff::Timestamp::now().as_millisecond())
}

fn port(settings: &Settings) -> Vec<Finding> {
    let address = settings.listen.address;
    let port = address.port();
    match std::net::TcpListener::bind(address) {
        Ok(_) => vec![Finding::Good(format!("port {port} is free; the host is not running"))],
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            match question(here(address), "/version") {
                Ok(answer) if answer.contains("\"hearth-server\"") => {
                    vec![Finding::Good(format!("a host is running on port {port}")), ready(address)]
                }
                _ => vec![Finding::Bad(format!(
                    "another program has port {port}; stop it, or set listen.address"
                ))],
            }
        }
        Err(error) => {
            vec![Finding::Bad(format!("{address} can't be listened on ({error}); set listen.address"))]
        }
    }
}

/// Whether the running host takes messages.
fn ready(address: SocketAddr) -> Finding {
    match question(here(address), "/readyz") {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => Finding::Good("it takes messages".into()),
        Ok(answer) if last(&answer) == "moved" => {
            Finding::Doubtful("this place only says where the host is now; `forward --undo` ends that".into())
        }
        Ok(answer) => Finding::Bad(format!("the host takes no messages: {}", last(&answer))),
        Err(error) => {
            let why = crate::told(&error);
            Finding::Bad(format!("the host does not say whether it takes messages: {why}"))
        }
    }
}
