//! Many members on one thread: each a socket, a counter of what it received, and the means to post.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use protocol::{
    ClientFrame, ClientName, MessageId, Reply, Request, RoomId, ServerFrame, SignIn, SignedIn, Visibility,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use uuid::Uuid;

use crate::server::Server;
use crate::tls;

/// Bytes to and from a server.
pub(crate) trait Line: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

pub(crate) type Socket = WebSocketStream<Box<dyn Line>>;

/// Long enough for a thousand members on a busy machine; a run that waits longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What all members of a swarm have received together.
#[derive(Default)]
pub(crate) struct Tally {
    deliveries: AtomicU64,
    words: AtomicU64,
    changed: Notify,
}

impl Tally {
    /// Waits until `total` deliveries have been received.
    ///
    /// # Errors
    /// When they do not come within a minute.
    pub(crate) async fn reach(&self, total: u64) -> Result<()> {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if self.deliveries.load(Ordering::Relaxed) >= total {
                    return;
                }
                changed.await;
            }
        };
        let reached = || self.deliveries.load(Ordering::Relaxed);
        timeout(PATIENCE, wait).await.with_context(|| format!("{} of {total} deliveries came", reached()))
    }

    /// Waits until nobody has been told anything for `quiet`.
    ///
    /// # Errors
    /// When that does not come about in ten minutes.
    pub(crate) async fn calm(&self, quiet: Duration) -> Result<()> {
        let wait = async {
            let heard = || self.words.load(Ordering::Relaxed);
            let mut before = heard();
            loop {
                tokio::time::sleep(quiet).await;
                if heard() == before {
                    return;
                }
                before = heard();
            }
        };
        timeout(10 * PATIENCE, wait).await.context("members are still told something")
    }

    fn count(&self) {
        self.deliveries.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }
}

/// One connected member.
pub(crate) struct Member {
    sink: SplitSink<Socket, Message>,
    room: RoomId,
    requests: u32,
}

impl Member {
    /// Posts `text` into the member's room.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) async fn post(&mut self, text: &str) -> Result<()> {
        self.requests += 1;
        self.sink.send(Message::text(post_frame(self.requests, self.room, text))).await.context("post")
    }
}

/// Opens a socket to the floor, which asks for nothing.
///
/// # Errors
/// When the floor does not answer.
pub(crate) async fn join_floor(server: &Server, tally: Arc<Tally>) -> Result<Member> {
    let (sink, stream) = open(server).await?.split();
    tokio::spawn(count(stream, tally));
    Ok(Member { sink, room: RoomId(Uuid::nil()), requests: 2 })
}

/// Opens a socket to a host, signs in, and counts every event from then on.
///
/// # Errors
/// When the host does not answer or refuses.
pub(crate) async fn join_host(server: &Server, by: SignIn, tally: Arc<Tally>) -> Result<(Member, SignedIn)> {
    let mut socket = open(server).await?;
    let signed_in = sign_in(&mut socket, by).await?;
    let room = signed_in.rooms.first().context("a new member is in a first room")?.id;
    let (sink, stream) = socket.split();
    tokio::spawn(count(stream, tally));
    Ok((Member { sink, room, requests: 2 }, signed_in))
}

/// One member who waits for answers.
pub(crate) struct Dialogue {
    socket: Socket,
    room: RoomId,
    requests: u32,
}

impl Dialogue {
    /// Opens a socket to a host and signs in.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(crate) async fn begin(server: &Server, by: SignIn) -> Result<(Self, SignedIn)> {
        let mut socket = open(server).await?;
        let signed_in = sign_in(&mut socket, by).await?;
        Ok((Self { socket, room: RoomId(Uuid::nil()), requests: 2 }, signed_in))
    }

    /// Makes a private room; posts go there.
    ///
    /// # Errors
    /// When the host refuses.
    pub(crate) async fn make_room(&mut self, name: &str) -> Result<()> {
        self.requests += 1;
        self.room = make_room(&mut self.socket, self.requests, name, Visibility::Private).await?;
        Ok(())
    }

    /// Posts `count` messages, at most `window` of them unacknowledged.
    ///
    /// # Errors
    /// When one is refused, or no answer comes within a minute.
    pub(crate) async fn post_all(&mut self, count: u64, window: u64, text: &str) -> Result<()> {
        let (mut posted, mut acknowledged) = (0, 0);
        while acknowledged < count {
            while posted < count && posted - acknowledged < window {
                posted += 1;
                self.requests += 1;
                let frame = post_frame(self.requests, self.room, text);
                self.socket.feed(Message::text(frame)).await.context("post")?;
            }
            self.socket.flush().await.context("post")?;
            let message = timeout(PATIENCE, self.socket.next()).await?.context("the host closed")??;
            if let Message::Text(text) = message
                && text.contains("\"req\":")
            {
                if !text.contains("\"posted\"") {
                    bail!("the host refused a message: {text}");
                }
                acknowledged += 1;
            }
        }
        Ok(())
    }
}

/// Makes a room.
///
/// # Errors
/// When the host refuses.
pub(crate) async fn make_room(
    socket: &mut Socket,
    req: u32,
    name: &str,
    visibility: Visibility,
) -> Result<RoomId> {
    let (name, topic, reading) = (name.to_owned(), String::new(), protocol::Reading::default());
    match ask(socket, req, Request::CreateRoom { name, topic, visibility, reading }).await? {
        Reply::Room { room } => Ok(room.id),
        other => bail!("the host answered a new room with {other:?}"),
    }
}

/// A post as a member's frame says it.
pub(crate) fn post_frame(req: u32, room: RoomId, text: &str) -> String {
    let request = Request::post(room, MessageId(Uuid::now_v7()), text.into());
    protocol::encode(&ClientFrame { req, request })
}

/// Opens a socket to a server.
///
/// # Errors
/// When it does not answer.
pub(crate) async fn open(server: &Server) -> Result<Socket> {
    let address = &server.address;
    let mut request = format!("ws://{address}{}", protocol::WS_PATH).into_client_request()?;
    let version = protocol::version::SUPPORTED[0].parse().context("a version is a header value")?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", version);
    let stream = dial(address).await?;
    stream.set_nodelay(true)?;
    let stream: Box<dyn Line> =
        if server.tls { Box::new(tls::open(stream).await?) } else { Box::new(stream) };
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
    Ok(socket)
}

/// Connects from one of many addresses of this computer: from one alone, its ports would run out.
async fn dial(address: &str) -> Result<TcpStream> {
    static DIALLED: AtomicU64 = AtomicU64::new(0);
    let number = DIALLED.fetch_add(1, Ordering::Relaxed);
    let socket = TcpSocket::new_v4()?;
    let own = u8::try_from(number % 50)? + 2;
    socket.bind((Ipv4Addr::new(127, 0, 0, own), 0).into()).context("take an address of this computer")?;
    socket.connect(address.parse()?).await.context("connect")
}

/// Comes in.
///
/// # Errors
/// When the host refuses.
pub(crate) async fn sign_in(socket: &mut Socket, by: SignIn) -> Result<SignedIn> {
    let mut nonce = [0u8; protocol::limits::NONCE_BYTES];
    getrandom::fill(&mut nonce).ok().context("randomness")?;
    let client = ClientName { name: "hearth-bench".into(), version: env!("CARGO_PKG_VERSION").into() };
    ask(socket, 1, Request::Hello { nonce: URL_SAFE_NO_PAD.encode(nonce), client }).await?;
    match ask(socket, 2, Request::SignIn { by, device: "bench".into(), session: None, code: None }).await? {
        Reply::SignedIn(signed_in) => Ok(signed_in),
        other => bail!("the host answered the sign-in with {other:?}"),
    }
}

/// Asks, and waits for the answer; a refusal is one.
///
/// # Errors
/// When the connection ends or nothing is answered within a minute.
pub(crate) async fn ask(socket: &mut Socket, req: u32, request: Request) -> Result<Reply> {
    socket.send(Message::text(protocol::encode(&ClientFrame { req, request }))).await?;
    loop {
        let message = timeout(PATIENCE, socket.next()).await?.context("the host closed the connection")??;
        if let Message::Text(text) = message {
            let ServerFrame { req: answered, reply } = protocol::decode_server(&text)?;
            if answered == Some(req) {
                return Ok(reply);
            }
        }
    }
}

/// Message events only: presence and answers are not deliveries. The floor echoes the post itself.
pub(crate) fn is_delivery(frame: &str) -> bool {
    frame.contains("\"kind\":\"posted\"") || frame.contains("\"type\":\"post\"")
}

async fn count(mut stream: SplitStream<Socket>, tally: Arc<Tally>) {
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else { continue };
        tally.words.fetch_add(1, Ordering::Relaxed);
        if is_delivery(&text) {
            tally.count();
        }
    }
}
