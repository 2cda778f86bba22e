//! Reaching a host as its operator: by its socket while it runs, in its folder while it does not.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};
use server_core::admin::{Answer, Command, Offline, Reply};
use server_core::{Config, StartError};

use crate::place::Place;

/// Asks the host of `place`; lines of an export go to `take`, until it says no.
pub(crate) fn ask(
    place: &Place,
    command: &Command,
    take: impl FnMut(String) -> bool + Send + 'static,
) -> anyhow::Result<Answer> {
    let settings = place.settings(Vec::new())?.settings;
    let config = settings.config()?;
    let socket = settings.admin_socket();
    match connect(&socket) {
        Ok(stream) => converse(stream, command, take),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            open(config, command, take)
        }
        Err(error) => {
            Err(error).with_context(|| format!("the admin socket {} can't be used", socket.display()))
        }
    }
}

#[cfg(unix)]
fn connect(socket: &Path) -> std::io::Result<std::os::unix::net::UnixStream> {
    std::os::unix::net::UnixStream::connect(socket)
}

#[cfg(not(unix))]
fn connect(_socket: &Path) -> std::io::Result<std::net::TcpStream> {
    Err(ErrorKind::NotFound.into())
}

fn converse<S>(stream: S, command: &Command, mut take: impl FnMut(String) -> bool) -> anyhow::Result<Answer>
where
    S: std::io::Read + Write,
{
    let mut stream = BufReader::new(stream);
    let asked = format!("{}\n", serde_json::to_string(command)?);
    stream.get_mut().write_all(asked.as_bytes())?;
    let mut line = String::new();
    while stream.read_line(&mut line)? > 0 {
        match serde_json::from_str(&line)
            .context("the host answers something unknown; is it another version?")?
        {
            Reply::Ok(answer) => return Ok(answer),
            Reply::Error(failure) => bail!("{}", failure.message),
            Reply::Line(text) => {
                if !take(text) {
                    return Ok(Answer::Done);
                }
            }
        }
        line.clear();
    }
    bail!("the host went away before it had answered; ask again")
}

fn open(
    config: Config,
    command: &Command,
    take: impl FnMut(String) -> bool + Send + 'static,
) -> anyhow::Result<Answer> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(async {
        let host = Offline::open(config).await.map_err(explained)?;
        let answer = match command {
            Command::Export => host.export(take).await.map(|()| Answer::Done),
            command => host.perform(command.clone()).await,
        };
        host.close().await;
        Ok(answer?)
    })
}

fn explained(error: StartError) -> anyhow::Error {
    let running = matches!(error, StartError::Open(vault::OpenError::InUse(_)));
    let error = anyhow::Error::from(error);
    if running {
        return error.context("the host is running, but not by this user or with another admin socket");
    }
    error
}
