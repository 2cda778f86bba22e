//! One signed-in, or not yet signed-in, WebSocket: the actor that alone owns its socket.
//!
//! In order of priority it ends, writes what waits, finishes the request in hand, reads the next one, shows life. It
//! reads nothing while a request is in hand or its answers wait unread, so a peer can only ever hold up itself.

mod asking;
mod beat;
mod border;
#[cfg(feature = "echo")]
pub(crate) mod echo;
mod hearing;
mod life;
mod parting;
mod reader;
pub(crate) mod sealed;
pub(crate) mod wire;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use protocol::CloseCode;
use tokio::time::{Instant, sleep_until, timeout};

use crate::admission::{Admission, Peer};
use crate::budget::{Budget, Faults};
use crate::error::Refusal;
use crate::host::Host;
use crate::hub::Outlet;
use crate::hub::outlet::{Next, Way};
use crate::listener::Socket;
use reader::Reader;
use wire::{Line, Wire};

type Pending = Pin<Box<dyn Future<Output = Option<Result<Admission, (u32, Refusal)>>> + Send>>;

enum Standing {
    Stranger,
    Greeted,
    Member(Admission),
}

struct Connection {
    host: Arc<Host>,
    peer: Peer,
    line: Line,
    reader: Reader,
    standing: Standing,
    heard: Instant,
    /// Whether something came since the last sign of life of ours that was answered, or will be.
    answered: bool,
    faults: Faults,
    garbled: bool,
    /// Frames that have begun without a message for them yet.
    quiet: i64,
    /// None for programs on this computer, which have it to themselves.
    budget: Option<Budget>,
}

/// The socket is of no more use.
struct Gone;

/// Serves an upgraded socket, with what was read of it `early`, until it ends. It must be signed in by `deadline`; `stranger` is dropped
/// when it is, and counts it among the strangers until then.
pub(crate) async fn serve<P: Send>(
    host: Arc<Host>,
    peer: Peer,
    (socket, early): (Socket, Vec<u8>),
    deadline: Instant,
    stranger: P,
) {
    let (line, reader) = dress(&host, (socket, early));
    let mut connection = Connection {
        budget: (!peer.is_spared(&host)).then(|| Budget::new(std::time::Instant::now())),
        line,
        reader,
        host,
        peer,
        standing: Standing::Stranger,
        heard: Instant::now(),
        answered: false,
        faults: Faults::none(std::time::Instant::now()),
        garbled: false,
        quiet: 0,
    };
    connection.run(deadline, stranger).await;
}

/// A socket with its way out, and the reader of what comes, which has some of it already.
fn dress(host: &Host, (socket, early): (Socket, Vec<u8>)) -> (Line, Reader) {
    let (wire, open) = match socket {
        Socket::Plain(socket) => {
            let (reading, writing) = socket.into_split();
            (Wire::Plain(reading), Way::Plain(writing))
        }
        Socket::Tls(socket) => {
            let (sealed, seal) = sealed::divide(*socket);
            (Wire::Tls(sealed), Way::Sealed(seal))
        }
    };
    let outlet = Arc::new(Outlet::new(host.live.load().limits.queue_bytes, Some(open)));
    (Line { wire, outlet }, Reader::new(early))
}

impl Connection {
    async fn run<P: Send>(&mut self, deadline: Instant, stranger: P) {
        let host = Arc::clone(&self.host);
        let outlet = Arc::clone(&self.line.outlet);
        let stopped = host.stop.cancelled();
        let mut stranger = Some(stranger);
        let mut pending: Option<Pending> = None;
        let mut stopping = false;
        let timer = sleep_until(deadline);
        tokio::pin!(timer, stopped);
        loop {
            let may_read = pending.is_none() && !self.garbled && outlet.has_room();
            tokio::select! {
                biased;
                () = &mut stopped, if !stopping => {
                    stopping = true;
                    outlet.close(CloseCode::ComeBack);
                }
                next = outlet.next() => match next {
                    Next::Write => if Box::pin(self.write_out()).await.is_err() { return },
                    // Boxed, because every idle connection would hold the room for it.
                    Next::Close(code) => return Box::pin(self.farewell(code)).await,
                },
                done = finish(&mut pending), if pending.is_some() => {
                    pending = None;
                    if self.settle(done) {
                        stranger = None;
                        timer.as_mut().reset(self.first_beat());
                    }
                }
                message = poll_fn(|cx| self.poll_hear(cx)), if may_read => match message {
                    Some(message) => match self.receive(message) {
                        Ok(next) => pending = next,
                        Err(Gone) => return,
                    },
                    None => {
                        // Gone for the others at once.
                        self.standing = Standing::Stranger;
                        return Box::pin(self.line.part(host.config.timeouts.farewell)).await;
                    }
                },
                () = &mut timer => {
                    if stranger.is_some() {
                        outlet.cut(CloseCode::SignInDeadline);
                        timer.as_mut().reset(Instant::now() + self.host.config.timeouts.lease);
                    } else {
                        timer.as_mut().reset(self.next_beat());
                        self.show_life();
                    }
                }
            }
        }
    }

    /// Takes what a request in hand has come to. Says whether that was a sign-in.
    fn settle(&mut self, done: Option<Result<Admission, (u32, Refusal)>>) -> bool {
        match done {
            None => false,
            Some(Ok(admission)) => {
                self.standing = Standing::Member(admission);
                self.faults = Faults::none(std::time::Instant::now());
                true
            }
            Some(Err((req, refusal))) => {
                self.line.outlet.answer(req, Err(refusal));
                false
            }
        }
    }

    /// Writes what waits. Gives up midway when the outlet is cut.
    async fn write_out(&mut self) -> Result<(), Gone> {
        let line = &mut self.line;
        let outlet = Arc::clone(&line.outlet);
        tokio::select! {
            biased;
            () = outlet.cut_off() => Ok(()),
            written = timeout(self.host.config.timeouts.lease, line.write_out()) => match written {
                Ok(Ok(())) => Ok(()),
                _ => Err(Gone),
            },
        }
    }
}

async fn finish(pending: &mut Option<Pending>) -> Option<Result<Admission, (u32, Refusal)>> {
    match pending {
        Some(pending) => pending.await,
        None => std::future::pending().await,
    }
}
