//! A connection's socket, with the outlet through which everything is written to it.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

use super::sealed::Sealed;
use crate::hub::Outlet;

/// Most bytes thrown away.
const DISCARD: usize = 1024 * 1024;

/// The socket itself.
#[derive(Debug)]
pub(crate) enum Wire {
    /// Shared with the outlet, which writes to it without the connection's task.
    Plain(OwnedReadHalf),
    /// The same, encrypted.
    Tls(Sealed),
}

/// A socket and the way out to it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) wire: Wire,
    pub(crate) outlet: Arc<Outlet>,
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(socket) => socket.poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => loop {
                let socket: &TcpStream = socket.as_ref();
                ready!(socket.poll_write_ready(cx))?;
                match socket.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    written => return Poll::Ready(written),
                }
            },
            Self::Tls(socket) => socket.poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(socket) => socket.poll_flush(cx),
        }
    }

    /// Says that nothing follows.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let end = |socket: &TcpStream| SockRef::from(socket).shutdown(Shutdown::Write);
        Poll::Ready(match self.get_mut() {
            Self::Plain(socket) => end(socket.as_ref()),
            Self::Tls(sealed) => {
                ready!(sealed.poll_shutdown(cx))?;
                end(sealed.socket())
            }
        })
    }
}

impl Line {
    /// Writes what waits, says that nothing follows, and throws away what comes until the peer has ended, too, for
    /// `patience` at most: a socket that is dropped with something unread would take back what it said last.
    pub(crate) async fn part(&mut self, patience: Duration) {
        let parted = async {
            self.write_out().await?;
            self.wire.shutdown().await?;
            let (mut buffer, mut discarded) = ([0; 4096], 0);
            while discarded < DISCARD {
                match self.wire.read(&mut buffer).await? {
                    0 => break,
                    count => discarded += count,
                }
            }
            io::Result::Ok(())
        };
        // A peer that is gone already, or does not go, is left as it is.
        let _ = timeout(patience, parted).await;
    }

    /// Writes all that waits in the outlet.
    pub(crate) async fn write_out(&mut self) -> io::Result<()> {
        let Self { wire, outlet } = self;
        std::future::poll_fn(|cx| outlet.poll_write_out(cx, wire)).await
    }
}
