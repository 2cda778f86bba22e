//! A host in a scratch folder, and a client that speaks raw frames. Every wait is bounded.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use protocol::{
    ClientFrame, ClientName, ErrorCode, Event, Failure, Member, MemberId, MessageId, Reply, Request, Room,
    RoomId, Secret, ServerFrame, SignIn, SignedIn, decode_server, encode,
};
use server_core::{Config, Server};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use uuid::Uuid;

/// Long enough for the slowest machine; only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it did not happen in time")
}

/// A running host.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) server: Server,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Self::serve(&dir, change).await;
        Self { dir, server }
    }

    async fn serve(dir: &TempDir, change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::new(dir.path().join("host"), ([127, 0, 0, 1], 0).into());
        config.announce = false;
        config.name = Some("Studio".into());
        change(&mut config);
        soon(Server::start(config)).await.unwrap()
    }

    /// Stops the host and starts it again from what is on disk.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { dir, server } = self;
        soon(server.stop()).await;
        let server = Self::serve(&dir, change).await;
        Self { dir, server }
    }

    /// The canonical export of a host that has an admin socket at `socket`.
    #[cfg(unix)]
    pub(crate) async fn export(&self) -> Vec<String> {
        use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
        let path = self.dir.path().join("host/admin.sock");
        let mut socket = BufReader::new(soon(tokio::net::UnixStream::connect(path)).await.unwrap());
        socket.write_all(b"{\"command\":\"export\"}\n").await.unwrap();
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            soon(socket.read_line(&mut line)).await.unwrap();
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            match value.get("line") {
                Some(line) => lines.push(line.as_str().unwrap().to_owned()),
                None => break,
            }
        }
        assert!(!lines.is_empty());
        lines
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// A client that has said hello.
    pub(crate) async fn greet(&self) -> Client {
        let mut client = self.dial().await;
        client.hello().await;
        client
    }

    /// A client that has said nothing.
    pub(crate) async fn dial(&self) -> Client {
        self.dial_with(&[]).await
    }

    /// A client that has said nothing but these headers.
    pub(crate) async fn dial_with(&self, headers: &[(&'static str, &str)]) -> Client {
        self.try_dial_with(headers).await.unwrap()
    }

    /// The status with which a handshake with these headers is refused.
    pub(crate) async fn refused_with(&self, headers: &[(&'static str, &str)]) -> u16 {
        match self.try_dial_with(headers).await {
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            other => panic!("it was not refused: {:?}", other.map(drop)),
        }
    }

    /// A client that has said nothing but these headers, if it was let in.
    pub(crate) async fn try_dial_with(
        &self,
        headers: &[(&'static str, &str)],
    ) -> Result<Client, tungstenite::Error> {
        Client::dial(self.address(), headers).await
    }

    /// A client that has said hello over a socket that is connected already.
    pub(crate) async fn greet_over(&self, socket: TcpStream) -> Client {
        let mut client = Client::dial_over(socket, self.address(), &[]).await.unwrap();
        client.hello().await;
        client
    }

    /// The owner, alice, signed in by the first-run invite.
    pub(crate) async fn alice(&self) -> (Client, SignedIn) {
        let invite = self.server.owner_invite().unwrap();
        let by = SignIn::Invite {
            token: invite.token,
            name: "alice".into(),
            password: Some("alice's password".into()),
        };
        let mut client = self.greet().await;
        let signed_in = client.sign_in(by).await.unwrap();
        (client, signed_in)
    }

    /// Another member, invited by the owner.
    pub(crate) async fn invited(&self, owner: &mut Client, name: &str) -> (Client, SignedIn) {
        let (_, token) = owner.invite(1, 60_000).await;
        let mut client = self.greet().await;
        let by = SignIn::Invite { token, name: name.into(), password: None };
        let signed_in = client.sign_in(by).await.unwrap();
        (client, signed_in)
    }
}

/// One raw connection.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    req: u32,
    pushed: VecDeque<Reply>,
}

impl Client {
    /// A client of the host at `address` that has said nothing but these headers, if it was let in.
    pub(crate) async fn dial(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, tungstenite::Error> {
        Self::dial_over(TcpStream::connect(address).await.unwrap(), address, headers).await
    }

    async fn dial_over(
        socket: TcpStream,
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, tungstenite::Error> {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, "hearth.v1".parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = soon(tokio_tungstenite::client_async(request, socket)).await?;
        Ok(Self { socket, req: 0, pushed: VecDeque::new() })
    }

    pub(crate) async fn hello(&mut self) -> Reply {
        let client = ClientName { name: "test".into(), version: "0".into() };
        self.ask(Request::Hello { nonce: NONCE.into(), client }).await.unwrap()
    }

    pub(crate) async fn sign_in(&mut self, by: SignIn) -> Result<SignedIn, Failure> {
        self.sign_in_as(by, None).await
    }

    /// Signs in with a session token of one's own choice.
    pub(crate) async fn sign_in_as(
        &mut self,
        by: SignIn,
        session: Option<Secret>,
    ) -> Result<SignedIn, Failure> {
        match self.ask(Request::SignIn { by, device: "laptop".into(), session, code: None }).await? {
            Reply::SignedIn(signed_in) => Ok(signed_in),
            other => panic!("not signed in: {other:?}"),
        }
    }

    /// Signs in by a password with a code beside it.
    pub(crate) async fn sign_in_by_code(
        &mut self,
        (name, password): (&str, &str),
        code: Secret,
        session: Option<Secret>,
    ) -> Result<SignedIn, Failure> {
        let by = SignIn::Password { name: name.into(), password: password.into() };
        let request = Request::SignIn { by, device: "laptop".into(), session, code: Some(code) };
        match self.ask(request).await? {
            Reply::SignedIn(signed_in) => Ok(signed_in),
            other => panic!("not signed in: {other:?}"),
        }
    }

    pub(crate) async fn invite(&mut self, uses: u32, life_ms: i64) -> (protocol::Invite, Secret) {
        let created = self
            .ask(Request::CreateInvite { role: protocol::Role::Member, uses, life_ms, rooms: Vec::new() })
            .await;
        match created.unwrap() {
            Reply::InviteCreated { invite, token } => (invite, token),
            other => panic!("no invite: {other:?}"),
        }
    }

    pub(crate) async fn create_room(&mut self, name: &str, visibility: protocol::Visibility) -> Room {
        let request = Request::CreateRoom {
            name: name.into(),
            topic: String::new(),
            visibility,
            reading: protocol::Reading::Start,
        };
        match self.ask(request).await.unwrap() {
            Reply::Room { room } => room,
            other => panic!("no room: {other:?}"),
        }
    }

    pub(crate) async fn post(&mut self, room: RoomId, text: &str) -> Reply {
        self.post_as(room, message_id(), text).await.unwrap()
    }

    pub(crate) async fn post_as(
        &mut self,
        room: RoomId,
        message: MessageId,
        text: &str,
    ) -> Result<Reply, Failure> {
        self.ask(Request::post(room, message, text.into())).await
    }

    /// Sends a request and waits for its answer; what is pushed meanwhile is kept.
    pub(crate) async fn ask(&mut self, request: Request) -> Result<Reply, Failure> {
        let req = self.send(request).await;
        loop {
            let frame = self.frame().await.expect("the connection was closed instead of answered");
            match (frame.req, frame.reply) {
                (Some(answered), reply) if answered == req => {
                    return if let Reply::Error(failure) = reply { Err(failure) } else { Ok(reply) };
                }
                (_, reply) => self.pushed.push_back(reply),
            }
        }
    }

    pub(crate) async fn refused(&mut self, request: Request) -> ErrorCode {
        self.ask(request).await.expect_err("it was not refused").code
    }

    pub(crate) async fn send(&mut self, request: Request) -> u32 {
        self.req += 1;
        let frame = ClientFrame { req: self.req, request };
        self.say(encode(&frame)).await;
        self.req
    }

    /// Says `text`, request number `req`, and gives the very text of its answer, or the close code. What is pushed
    /// meanwhile is thrown away.
    pub(crate) async fn answer_to(&mut self, req: u32, text: String) -> Result<String, u16> {
        if soon(self.socket.send(Message::text(text))).await.is_err() {
            return Err(self.closed().await);
        }
        loop {
            let heard = soon(self.next_text()).await?;
            let frame = decode_server(&heard).unwrap();
            let unnumbered = frame.req.is_none() && matches!(frame.reply, Reply::Error(_));
            if frame.req == Some(req) || unnumbered {
                return Ok(heard);
            }
        }
    }

    pub(crate) async fn say(&mut self, text: String) {
        soon(self.socket.send(Message::text(text))).await.unwrap();
    }

    /// What was pushed beside the answers so far.
    pub(crate) fn take_pushed(&mut self) -> Vec<Reply> {
        self.pushed.drain(..).collect()
    }

    /// The next thing pushed that `wanted` picks; others are thrown away.
    pub(crate) async fn hears<T>(&mut self, mut wanted: impl FnMut(Reply) -> Option<T>) -> T {
        loop {
            let reply = match self.pushed.pop_front() {
                Some(reply) => reply,
                None => self.frame().await.expect("the connection was closed").reply,
            };
            if let Some(found) = wanted(reply) {
                return found;
            }
        }
    }

    /// How the host tells of member `id` next.
    pub(crate) async fn hears_of(&mut self, id: MemberId) -> Member {
        self.hears(|reply| match reply {
            Reply::Member { member } if member.id == id => Some(member),
            _ => None,
        })
        .await
    }

    pub(crate) async fn hears_event(&mut self) -> Event {
        self.hears(|reply| if let Reply::Event { event } = reply { Some(event) } else { None }).await
    }

    /// The next frame, or the close code.
    pub(crate) async fn frame(&mut self) -> Result<ServerFrame, u16> {
        soon(self.next_frame()).await
    }

    async fn next_frame(&mut self) -> Result<ServerFrame, u16> {
        Ok(decode_server(&self.next_text().await?).unwrap())
    }

    async fn next_text(&mut self) -> Result<String, u16> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                // Pings are answered below us and are no frames.
                Some(Ok(_)) => {}
                Some(Err(tungstenite::Error::ConnectionClosed)) | None => return Err(1006),
                Some(Err(error)) => panic!("the socket broke: {error}"),
            }
        }
    }

    /// Reads to the end and says by which code it ended.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }
}

pub(crate) fn message_id() -> MessageId {
    MessageId(Uuid::now_v7())
}
