//! A member who speaks the bare protocol over a socket of its own: full control over every frame and every moment.
//!
//! It has no outbox, no reconnect and no history, on purpose; that is what the real client is for.

use std::collections::VecDeque;
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{
    ClientFrame, ClientName, Event, Reply, Request, RoomId, Seq, ServerFrame, SignIn, SignedIn, Welcome,
    limits,
};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::wait::PATIENCE;

/// The host has closed the connection, with this code if it said one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed(pub Option<u16>);

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the host closed with {:?}", self.0)
    }
}

impl std::error::Error for Closed {}

/// One connection.
pub struct Link {
    socket: WebSocket<TcpStream>,
    last_req: u32,
    pushed: VecDeque<Reply>,
}

impl Link {
    /// Connects to a host on loopback.
    ///
    /// # Errors
    /// When nobody listens there, or it is no host.
    pub fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{address}{}", protocol::WS_PATH).into_client_request()?;
        let version = http::HeaderValue::from_static(protocol::version::SUPPORTED[0]);
        request.headers_mut().insert("sec-websocket-protocol", version);
        let (socket, _) = tungstenite::client(request, stream).context("no WebSocket at that address")?;
        Ok(Self { socket, last_req: 0, pushed: VecDeque::new() })
    }

    /// Connects, says hello and signs in.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn sign_in(address: &str, by: SignIn) -> Result<(Self, SignedIn)> {
        Self::sign_in_from(address, by, "a story")
    }

    /// The same, from a device of this name.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn sign_in_from(address: &str, by: SignIn, device: &str) -> Result<(Self, SignedIn)> {
        let mut link = Self::open(address)?;
        link.hello()?;
        match link.ask(Request::SignIn { by, device: device.into(), session: None, code: None })? {
            Reply::SignedIn(signed_in) => Ok((link, signed_in)),
            other => bail!("not signed in: {other:?}"),
        }
    }

    /// The first words.
    ///
    /// # Errors
    /// When the answer is no welcome.
    pub fn hello(&mut self) -> Result<Welcome> {
        let mut nonce = [0; limits::NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        let client = ClientName { name: "story".into(), version: "0".into() };
        match self.ask(Request::Hello { nonce: URL_SAFE_NO_PAD.encode(nonce), client })? {
            Reply::Welcome(welcome) => Ok(welcome),
            other => bail!("no welcome: {other:?}"),
        }
    }

    /// Says something and does not wait for the answer; returns the number that the answer will carry.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn tell(&mut self, request: Request) -> Result<u32> {
        self.last_req += 1;
        let frame = ClientFrame { req: self.last_req, request };
        self.socket.send(Message::text(protocol::encode(&frame)))?;
        Ok(self.last_req)
    }

    /// Asks, and waits for the answer; what is pushed meanwhile is kept for [`next_pushed`](Self::next_pushed).
    ///
    /// # Errors
    /// When the connection is over. A refusal is an answer.
    pub fn ask(&mut self, request: Request) -> Result<Reply> {
        let req = self.tell(request)?;
        loop {
            let frame = self.hear()?;
            match frame.req {
                Some(number) if number == req => return Ok(frame.reply),
                Some(number) => bail!("an answer to {number}, which nobody waits for"),
                None => self.pushed.push_back(frame.reply),
            }
        }
    }

    /// The next frame, answers and pushed ones alike.
    ///
    /// # Errors
    /// When the connection is over or silent for too long.
    pub fn hear(&mut self) -> Result<ServerFrame> {
        loop {
            match self.socket.read()? {
                Message::Text(text) => return Ok(protocol::decode_server(&text)?),
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(frame) => bail!(Closed(frame.map(|frame| frame.code.into()))),
                other => bail!("the host said {other:?}"),
            }
        }
    }

    /// Hears on to the end and says by which code it came; none when it came without a word.
    ///
    /// # Errors
    /// When it does not come.
    pub fn hear_end(&mut self) -> Result<Option<u16>> {
        loop {
            match self.hear() {
                Ok(_) => {}
                Err(error) if is_silence(&error) => return Err(error),
                Err(error) => return Ok(error.downcast_ref::<Closed>().and_then(|closed| closed.0)),
            }
        }
    }

    /// The next thing the host said by itself.
    ///
    /// # Errors
    /// As [`hear`](Self::hear).
    pub fn next_pushed(&mut self) -> Result<Reply> {
        if let Some(reply) = self.pushed.pop_front() {
            return Ok(reply);
        }
        let frame = self.hear()?;
        ensure!(frame.req.is_none(), "an answer nobody waits for");
        Ok(frame.reply)
    }

    /// The number of the newest event of a room.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn head(&mut self, room: RoomId) -> Result<Seq> {
        match self.ask(Request::History { room, before: None, after: None, limit: 1 })? {
            Reply::History(page) => Ok(page.head),
            other => bail!("no history: {other:?}"),
        }
    }

    /// Asks for something whose answer is that it is done.
    ///
    /// # Errors
    /// When it is refused, or the connection is over.
    pub fn done(&mut self, request: Request) -> Result<()> {
        match self.ask(request)? {
            Reply::Done | Reply::Room { .. } => Ok(()),
            other => bail!("not done: {other:?}"),
        }
    }

    /// The whole log of a room, page by page.
    ///
    /// # Errors
    /// When the host refuses, or pages without end.
    pub fn whole_log(&mut self, room: RoomId) -> Result<Vec<Event>> {
        let mut log: Vec<Event> = Vec::new();
        loop {
            let after = log.last().map_or(Seq::ZERO, |event| event.seq);
            let limit = limits::PAGE_EVENTS;
            match self.ask(Request::History { room, before: None, after: Some(after), limit })? {
                Reply::History(page) if page.events.is_empty() => {
                    ensure!(after >= page.head, "an empty page at {after}, before the head {}", page.head);
                    return Ok(log);
                }
                Reply::History(page) => log.extend(page.events),
                other => bail!("no history: {other:?}"),
            }
        }
    }
}

/// Whether an error is only that nothing came for too long.
fn is_silence(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    let Some(tungstenite::Error::Io(error)) = error.downcast_ref() else { return false };
    matches!(error.kind(), TimedOut | WouldBlock)
}
