//! The admin socket: commands as JSON lines, from this machine's own user only.
//!
//! The file is for its owner only, and who connects is asked of the system as well. Nothing said here is logged.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::{Administration, Answer, Command, Reply};
use crate::error::Refusal;

/// Longest command in bytes.
const COMMAND_BYTES: u64 = 64 * 1024;

/// Connections at once; a person needs one.
const CONNECTIONS: usize = 8;

/// A connection that says nothing for this long is closed; so is one that takes an answer this slowly.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lines of an export that wait for the one who reads them.
const LINES_WAITING: usize = 64;

/// The socket's file, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens the socket at `path`, in the place of one that a killed host has left.
pub(crate) fn bind(path: &Path) -> io::Result<Socket> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            std::fs::remove_file(path)?;
        }
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let socket = Socket { listener, path: path.to_owned() };
    // Until here the folder, and after it the question who connects, keep others out.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(socket)
}

/// Serves until the host stops.
pub(crate) async fn serve(socket: Socket, administration: Administration) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let stop = administration.host.stop.clone();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, socket.listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            next = next => next,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if !is_own_user(&stream) {
            continue;
        }
        let (administration, stop) = (administration.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                _ = converse(stream, administration) => {}
            }
            drop(place);
        });
    }
}

/// Whether this process's user is at the other end, or the one who may do everything anyway.
fn is_own_user(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn converse(stream: UnixStream, administration: Administration) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut command = (&mut read).take(COMMAND_BYTES);
        if timeout(PATIENCE, command.read_until(b'\n', &mut line)).await?? == 0 {
            return Ok(());
        }
        match serde_json::from_slice(&line) {
            Ok(Command::Export) => write_export(&mut write, &administration).await?,
            Ok(command) => {
                let answer = administration.perform(command).await;
                say(&mut write, &answer.map_or_else(Reply::refused, Reply::Ok)).await?;
            }
            Err(_) => {
                say(&mut write, &Reply::unreadable()).await?;
                return Ok(());
            }
        }
    }
}

async fn write_export<W: AsyncWriteExt + Unpin>(
    write: &mut W,
    administration: &Administration,
) -> io::Result<()> {
    let (lines, mut taken) = mpsc::channel(LINES_WAITING);
    let reading = administration.export(move |line| lines.blocking_send(line).is_ok());
    let writing = async {
        while let Some(line) = taken.recv().await {
            say(write, &Reply::Line(line)).await?;
        }
        // Dropping what is left ends the reading.
        drop(taken);
        Ok::<_, io::Error>(write)
    };
    let (read, written): (Result<(), Refusal>, _) = tokio::join!(reading, writing);
    let write = written?;
    say(write, &read.map_or_else(Reply::refused, |()| Reply::Ok(Answer::Done))).await
}

async fn say<W: AsyncWriteExt + Unpin>(write: &mut W, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    timeout(PATIENCE, write.write_all(&line)).await?
}
