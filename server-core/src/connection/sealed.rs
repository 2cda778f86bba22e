//! An encrypted socket that whoever has something to say may write to, not only the connection's task.
//!
//! Reading and writing share the state of the encryption behind one lock, held for no longer than one record takes.
//! Keeps no more than one buffer of rustls: what the socket refuses beyond that stays with the caller.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use rustls::ServerConnection;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::server::TlsStream;

/// Plain bytes taken in at once: one record (RFC 8446, 5.1).
const RECORD: usize = 16 * 1024;

/// The end of the connection's task: reads, and writes when it must wait for the socket.
#[derive(Debug)]
pub(crate) struct Sealed {
    socket: OwnedReadHalf,
    tls: Arc<Mutex<ServerConnection>>,
}

/// The end of those who speak: writes what the socket takes at once.
#[derive(Debug)]
pub(crate) struct Seal {
    socket: OwnedWriteHalf,
    tls: Arc<Mutex<ServerConnection>>,
}

/// What became of bytes that were to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// So many are encrypted; they are not to be given again.
    pub(crate) taken: usize,
    /// Some of them still wait for the socket: the task must flush.
    pub(crate) behind: bool,
}

/// Divides an encrypted socket whose handshake is done.
pub(crate) fn divide(stream: TlsStream<TcpStream>) -> (Sealed, Seal) {
    let (socket, mut tls) = stream.into_inner();
    tls.set_buffer_limit(Some(RECORD));
    let (reading, writing) = socket.into_split();
    let tls = Arc::new(Mutex::new(tls));
    (Sealed { socket: reading, tls: Arc::clone(&tls) }, Seal { socket: writing, tls })
}

impl Seal {
    /// Encrypts `bytes` and writes what the socket takes at once; takes nothing while something is behind.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<Written> {
        let mut tls = lock(&self.tls);
        let socket: &TcpStream = self.socket.as_ref();
        if tls.wants_write() {
            return Ok(Written { taken: 0, behind: true });
        }
        let (mut taken, mut behind) = (0, false);
        while taken < bytes.len() && !behind {
            taken += tls.writer().write(&bytes[taken..])?;
            behind = !drain(&mut tls, socket)?;
        }
        Ok(Written { taken, behind })
    }
}

impl Sealed {
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket: &TcpStream = self.socket.as_ref();
        loop {
            let mut tls = lock(&self.tls);
            match tls.reader().read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            match tls.read_tls(&mut Bare(socket)) {
                // At the end the reader says whether the peer has said goodbye.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    drop(tls);
                    ready!(socket.poll_read_ready(cx))?;
                    continue;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            let processed =
                tls.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
            // Answers of the protocol itself; what the socket refuses of them goes out before the next record.
            let answered = drain(&mut tls, socket);
            processed?;
            answered?;
        }
    }

    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let mut tls = lock(&self.tls);
        let taken = tls.writer().write(bytes)?;
        // What the socket refuses is written by the flush that follows.
        drain(&mut tls, self.socket.as_ref())?;
        Poll::Ready(Ok(taken))
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket: &TcpStream = self.socket.as_ref();
        while !drain(&mut lock(&self.tls), socket)? {
            ready!(socket.poll_write_ready(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// What it is over.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.socket.as_ref()
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.tls).send_close_notify();
        self.poll_flush(cx)
    }
}

/// Writes what is encrypted, as far as the socket takes it. Says whether that was all.
fn drain(tls: &mut ServerConnection, socket: &TcpStream) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(&mut Bare(socket)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn lock(tls: &Mutex<ServerConnection>) -> MutexGuard<'_, ServerConnection> {
    tls.lock().expect("nothing panics while it holds the encryption")
}

/// The socket as rustls wants it: refuses instead of waiting.
struct Bare<'a>(&'a TcpStream);

impl Read for Bare<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(room)
    }
}

impl Write for Bare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
