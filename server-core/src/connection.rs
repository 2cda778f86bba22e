//! One signed-in, or not yet signed-in, WebSocket: the actor that alone owns its socket.
//!
//! In order of priority it ends, writes what waits, finishes the request in hand, reads the next one, shows life. It
//! reads nothing while a request is in hand or its answers wait unread, so a peer can only ever hold up itself.

mod beat;
mod border;
#[cfg(feature = "echo")]
pub(crate) mod echo;
mod reader;
pub(crate) mod sealed;
pub(crate) mod wire;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use protocol::limits::{CLIENT_FRAME_BYTES, STRANGER_FRAME_BYTES};
use protocol::{ClientFrame, CloseCode, DecodeError, ErrorCode, MemberId, Reply, Request, decode_client};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

use crate::admission::{Admission, Claim, Peer, sign_in, welcome};
use crate::budget::{Budget, Exiled, Faults, Overdrawn, Payer};
use crate::dispatch::{dispatch, out_of_order};
use crate::error::Refusal;
use crate::handler::Caller;
use crate::handler::pass::Pass;
use crate::host::Host;
use crate::hub::Outlet;
use crate::hub::frame::PING;
use crate::hub::outlet::{Next, Way};
use crate::listener::Socket;
use reader::Reader;
use wire::{Line, Wire};

/// Most bytes of a garbled connection thrown away while it takes its last words.
const DISCARD: usize = 16 * 1024 * 1024;

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
                        Box::pin(self.last_words()).await;
                        self.line.discard();
                        return;
                    }
                },
                () = &mut timer => {
                    if stranger.is_some() {
                        outlet.cut(CloseCode::SignInDeadline);
                        timer.as_mut().reset(Instant::now() + self.host.config.timeouts.lease);
                    } else {
                        timer.as_mut().reset(self.beat_after(self.host.config.timeouts.heartbeat));
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

    /// The next message. Frames without one cost something too, or a flood of them would be free.
    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, tungstenite::Error>>> {
        let most = self.largest_frame();
        let polled = self.reader.poll_next(cx, &mut self.line, most);
        self.quiet += i64::from(self.reader.take_begun());
        match &polled {
            Poll::Ready(Some(Ok(Message::Text(_) | Message::Binary(_)))) => self.quiet -= 1,
            Poll::Pending if self.quiet > 0 => {
                let quiet = u32::try_from(std::mem::take(&mut self.quiet)).unwrap_or(u32::MAX);
                let (limits, now) = (self.host.limits(), std::time::Instant::now());
                if self.budget.as_mut().is_some_and(|budget| !budget.listen(&limits, quiet, now)) {
                    self.send_away();
                }
            }
            _ => {}
        }
        polled
    }

    fn largest_frame(&self) -> usize {
        if matches!(self.standing, Standing::Member(_)) { CLIENT_FRAME_BYTES } else { STRANGER_FRAME_BYTES }
    }

    fn receive(&mut self, message: Result<Message, tungstenite::Error>) -> Result<Option<Pending>, Gone> {
        self.heard = Instant::now();
        match message {
            Ok(Message::Text(text)) => Ok(self.hear(&text)),
            Ok(Message::Binary(_)) => {
                self.fault(None, Refusal::new(ErrorCode::BadFrame, "frames are JSON text, not binary"));
                Ok(None)
            }
            Ok(Message::Ping(_)) => {
                self.answered = true;
                Ok(None)
            }
            Ok(Message::Pong(_) | Message::Frame(_)) => Ok(None),
            // Reading on lets tungstenite answer the close; then the stream ends.
            Ok(Message::Close(_)) => Ok(None),
            Err(tungstenite::Error::Capacity(_)) => {
                let most = self.largest_frame();
                self.garble(format!("a frame may have at most {most} bytes; this one had more"));
                Ok(None)
            }
            Err(tungstenite::Error::Utf8(_)) => {
                self.garble("frames are UTF-8 text".into());
                Ok(None)
            }
            Err(tungstenite::Error::Protocol(error)) if !is_plain_end(&error) => {
                self.garble("this is not the WebSocket protocol".into());
                Ok(None)
            }
            Err(_) => Err(Gone),
        }
    }

    /// The stream can't be read on: says why and ends it.
    fn garble(&mut self, why: String) {
        self.garbled = true;
        self.line.outlet.refuse(None, Refusal::new(ErrorCode::BadFrame, why));
        self.send_away();
    }

    fn hear(&mut self, text: &str) -> Option<Pending> {
        self.answered = true;
        match decode_client(text) {
            Ok(ClientFrame { req, request }) => match self.spend(&request, text.len()) {
                Ok(()) => self.take(req, request),
                Err(refusal) => {
                    self.line.outlet.answer(req, Err(refusal));
                    None
                }
            },
            Err(error) => {
                let req = match &error {
                    DecodeError::Malformed { req, .. } => *req,
                    DecodeError::TooLarge { .. } => None,
                };
                self.fault(req, Refusal::new(ErrorCode::BadFrame, error.to_string()));
                None
            }
        }
    }

    /// Takes what a frame costs; whoever asks on and on without it is sent away.
    fn spend(&mut self, request: &Request, bytes: usize) -> Result<(), Refusal> {
        let payer = Payer { source: self.peer.address.into(), member: self.member() };
        let Some(budget) = &mut self.budget else { return Ok(()) };
        let limits = self.host.limits();
        let now = std::time::Instant::now();
        match self.host.budgets.spend(&limits, (budget, payer), (request, bytes), now) {
            Ok(()) => Ok(()),
            Err(Overdrawn::Wait(wait)) => Err(Refusal::wait(wait)),
            Err(Overdrawn::Abusive) => {
                self.send_away();
                Err(Refusal::wait(Duration::from_secs(limits.exile_seconds.into())))
            }
        }
    }

    fn member(&self) -> Option<MemberId> {
        match &self.standing {
            Standing::Member(admission) => Some(admission.member),
            _ => None,
        }
    }

    /// Ends an abusive connection; whoever it is stays away for a while.
    fn send_away(&mut self) {
        self.line.outlet.close(CloseCode::Abuse);
        let who = match self.member() {
            Some(member) => Some(Exiled::Member(member)),
            // Behind a proxy that is not trusted, everyone has one address.
            None => (!self.peer.is_anyone()).then(|| Exiled::Source(self.peer.address.into())),
        };
        if let Some(who) = who.filter(|_| self.budget.is_some()) {
            self.host.budgets.send_away(&self.host.limits(), who, std::time::Instant::now());
        }
    }

    /// Refuses an unreadable frame; too many of them end the connection.
    fn fault(&mut self, req: Option<u32>, refusal: Refusal) {
        self.line.outlet.refuse(req, refusal);
        if !self.faults.forgives(self.member().is_some(), std::time::Instant::now()) {
            self.send_away();
        }
    }

    fn take(&mut self, req: u32, request: Request) -> Option<Pending> {
        match (&self.standing, request) {
            (Standing::Member(admission), request) => {
                let caller = Caller {
                    host: Arc::clone(&self.host),
                    outlet: Arc::clone(&self.line.outlet),
                    connection: admission.seat.id(),
                    member: admission.member,
                    pass: Pass::Session(admission.device),
                    aside: admission.seat.is_aside(),
                };
                return Some(Box::pin(async move {
                    dispatch(caller, req, request).await;
                    None
                }));
            }
            (_, Request::Ping) => self.line.outlet.answer(req, Ok(Reply::Pong)),
            (Standing::Stranger, Request::Hello { nonce, client }) => {
                tracing::debug!(client = client.name.len(), "hello");
                let answer = welcome(&self.host, self.peer, &nonce);
                if answer.is_ok() {
                    self.standing = Standing::Greeted;
                }
                self.line.outlet.answer(req, answer);
            }
            (Standing::Greeted, Request::SignIn { by, device, session, code }) => {
                let (host, outlet, peer) = (Arc::clone(&self.host), Arc::clone(&self.line.outlet), self.peer);
                return Some(Box::pin(async move {
                    let claim = Claim { by, device, session, code };
                    let entered = sign_in(host, peer, outlet, req, claim).await;
                    Some(entered.map_err(|refusal| (req, refusal)))
                }));
            }
            (Standing::Greeted, Request::Hello { .. }) => self.line.outlet.answer(req, Err(out_of_order())),
            _ => {
                let refusal = Refusal::new(ErrorCode::NotSignedIn, "say hello and sign in first");
                self.line.outlet.answer(req, Err(refusal));
            }
        }
        None
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

    fn first_beat(&self) -> Instant {
        let number = match &self.standing {
            Standing::Member(admission) => admission.seat.id().0,
            _ => 0,
        };
        self.beat_after(beat::first(number, self.host.config.timeouts.heartbeat))
    }

    fn beat_after(&self, every: Duration) -> Instant {
        beat::after(self.host.began.into(), Instant::now(), every)
    }

    /// A peer that has asked for something was answered: it knows that the host is there, and the host that it is.
    fn show_life(&mut self) {
        if self.heard.elapsed() > self.host.config.timeouts.lease {
            self.line.outlet.cut(CloseCode::LeaseOver);
        } else if !std::mem::take(&mut self.answered) {
            self.line.outlet.control(&PING);
        }
    }

    /// Leaves at once, then says why for as long as the peer may take to hear it.
    async fn farewell(&mut self, code: CloseCode) {
        self.standing = Standing::Stranger;
        let frame = CloseFrame { code: code.code().into(), reason: Utf8Bytes::from_static(code.reason()) };
        let mut frame = Some(frame);
        let closed =
            poll_fn(|cx| Poll::Ready(frame.take().map(|frame| self.reader.close(cx, &mut self.line, frame))));
        if matches!(closed.await, Some(Ok(()))) && self.last_words().await {
            self.hear_out(self.host.config.timeouts.farewell).await;
        }
    }

    /// Writes what still waits, for as long as the peer may take for it. Says whether it did.
    async fn last_words(&mut self) -> bool {
        let written = timeout(self.host.config.timeouts.farewell, self.line.write_out()).await;
        matches!(written, Ok(Ok(())))
    }

    /// Waits until the peer has closed, so that the last words are not lost to a reset.
    async fn hear_out(&mut self, patience: Duration) {
        if !self.garbled {
            let (reader, line) = (&mut self.reader, &mut self.line);
            let goodbye = async {
                while let Some(Ok(_)) = poll_fn(|cx| reader.poll_next(cx, line, CLIENT_FRAME_BYTES)).await {}
            };
            let _ = timeout(patience, goodbye).await;
            return;
        }
        let io = &mut self.line.wire;
        let mut buffer = [0; 4096];
        let mut discarded = 0;
        let discard = async {
            while discarded < DISCARD {
                match io.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => discarded += count,
                }
            }
        };
        let _ = timeout(patience, discard).await;
    }
}

async fn finish(pending: &mut Option<Pending>) -> Option<Result<Admission, (u32, Refusal)>> {
    match pending {
        Some(pending) => pending.await,
        None => std::future::pending().await,
    }
}

/// Ends that are no fault of the protocol.
fn is_plain_end(error: &tungstenite::error::ProtocolError) -> bool {
    use tungstenite::error::ProtocolError as Error;
    matches!(
        error,
        Error::ResetWithoutClosingHandshake | Error::SendAfterClosing | Error::ReceivedAfterClosing
    )
}
