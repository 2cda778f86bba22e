//! A connection's socket, with the outlet through which everything is written to it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use super::sealed::Sealed;
use crate::hub::Outlet;

/// Most pages thrown away at once.
const DISCARDS: usize = 256;

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

    /// A plain socket is shut by its last owner's drop.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(socket) => socket.poll_shutdown(cx),
        }
    }
}

impl Line {
    /// Throws away what has come and will not be read: a socket that is dropped with it would take back what it said last.
    pub(crate) fn discard(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..DISCARDS {
            match self.wire.read(&mut buffer).now_or_never() {
                Some(Ok(count)) if count > 0 => {}
                _ => return,
            }
        }
    }

    /// Writes all that waits in the outlet.
    pub(crate) async fn write_out(&mut self) -> io::Result<()> {
        let Self { wire, outlet } = self;
        std::future::poll_fn(|cx| outlet.poll_write_out(cx, wire)).await
    }
}
