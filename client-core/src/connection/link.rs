//! One verified conversation with a host: TLS, WebSocket, hello and the check of the welcome.
//!
//! A [`Link`] exists only once the host has proven its key: whoever holds one may send credentials. Buffers and frames
//! are bounded; a frame that can't be read is skipped, as it may come from a newer host.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::{HeaderValue, Request as HttpRequest, header};
use protocol::limits::{HEARTBEAT_MS, NONCE_BYTES, SERVER_FRAME_BYTES};
use protocol::{ClientFrame, ClientName, Reply, Request, ServerFrame, Welcome, version};
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::tls;
use crate::address::Address;
use crate::trust::{Disbelief, Expectation, Voucher, believe};

/// A peer whose buffers stay full for this long is gone.
const WRITE: Duration = Duration::from_secs(20);
/// For the TCP connection alone: a LAN answers in milliseconds, a sleeping radio in seconds.
const CONNECT: Duration = Duration::from_secs(6);
/// For TLS, upgrade and welcome together.
const GREET: Duration = Duration::from_secs(12);
/// A network that is silent for this long is asked, once a second.
const SILENT: Duration = Duration::from_secs(5);
/// A network that does not answer for this long is gone.
const GONE: Duration = Duration::from_secs(10);
/// Small buffers: a client holds few links, and the host's frames come in pieces anyway.
const BUFFER: usize = 16 * 1024;

/// Why an address gave no link.
#[derive(Debug)]
pub(crate) enum DialError {
    NoAnswer,
    NotAHost,
    OtherKey {
        expected: protocol::HostId,
        found: protocol::HostId,
    },
    NotProven,
    Version,
    /// The host itself said to come back later.
    Busy,
}

/// How a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The host closed, with this code.
    Closed(u16),
    /// Broken, or silent for too long.
    Lost,
}

/// Has the system ask a silent network whether it is still there, so that one that is gone is noticed in about [`GONE`]
/// instead of at the end of the lease: whoever comes back into a network is soon up to date. A slow network, by the time
/// the greeting took (four round trips), has longer. The time to connect would tell less: it is spent waiting while a
/// network is only just coming back.
fn watch(tcp: &TcpStream, greeting: Duration) -> std::io::Result<()> {
    let gone = (greeting * 2).clamp(GONE, 3 * GONE);
    let probes = u32::try_from((gone - SILENT).as_secs()).unwrap_or(u32::MAX);
    let asking =
        TcpKeepalive::new().with_time(SILENT).with_interval(Duration::from_secs(1)).with_retries(probes);
    let socket = SockRef::from(tcp);
    socket.set_tcp_keepalive(&asking)?;
    // Also for what was said and not acknowledged.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(gone))?;
    Ok(())
}

/// A verified conversation.
pub(crate) struct Link {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    pub(crate) address: Address,
    pub(crate) welcome: Welcome,
    pub(crate) heard: Instant,
    next: u32,
}

impl Link {
    /// Dials one socket address of `address` and greets; no credential is sent.
    pub(crate) async fn open(
        address: &Address,
        socket: std::net::SocketAddr,
        expectation: &Expectation,
    ) -> Result<Self, DialError> {
        let tcp = match timeout(CONNECT, TcpStream::connect(socket)).await {
            Ok(Ok(tcp)) => tcp,
            _ => return Err(DialError::NoAnswer),
        };
        // Without it, small frames wait for acknowledgements of the network.
        tcp.set_nodelay(true).map_err(|_| DialError::NoAnswer)?;
        let begun = Instant::now();
        let greeted = timeout(GREET, Box::pin(Self::greet(address, tcp, expectation))).await;
        let link = greeted.unwrap_or(Err(DialError::NoAnswer))?;
        if let Err(error) = watch(link.socket.get_ref().get_ref().0, begun.elapsed()) {
            tracing::debug!(%error, "a network that goes is noticed by the heartbeat alone");
        }
        Ok(link)
    }

    async fn greet(address: &Address, tcp: TcpStream, expectation: &Expectation) -> Result<Self, DialError> {
        let (tls, voucher) = secure(address, tcp, expectation).await?;
        let socket = upgrade(address, tls).await?;
        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| DialError::NoAnswer)?;
        let mut greeting = Greeting { socket, heard: Instant::now() };
        let client =
            ClientName { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() };
        let request = Request::Hello { nonce: URL_SAFE_NO_PAD.encode(nonce), client };
        let hello = ClientFrame { req: 1, request };
        greeting.say(protocol::encode(&hello)).await.map_err(|_| DialError::NotAHost)?;
        let welcome = match greeting.hear().await {
            Ok(ServerFrame { reply: Reply::Welcome(welcome), .. }) => welcome,
            Ok(ServerFrame { reply: Reply::Error(failure), .. }) if failure.code.is_temporary() => {
                return Err(DialError::Busy);
            }
            Err(Ended::Closed(code)) if code == protocol::CloseCode::Version.code() => {
                return Err(DialError::Version);
            }
            Err(Ended::Closed(code)) if (4000..4200).contains(&code) => return Err(DialError::Busy),
            _ => return Err(DialError::NotAHost),
        };
        believe(expectation, &voucher, &nonce, &welcome).map_err(|disbelief| match disbelief {
            Disbelief::OtherKey { expected, found } => DialError::OtherKey { expected, found },
            Disbelief::NotProven => DialError::NotProven,
        })?;
        let Greeting { socket, heard } = greeting;
        Ok(Self { socket, address: address.clone(), welcome, heard, next: 2 })
    }

    /// How often to show that we live: the host's wish, within reason.
    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_millis(u64::from(self.welcome.heartbeat_ms.clamp(1_000, 2 * HEARTBEAT_MS)))
    }

    /// Says `request` and returns its number.
    pub(crate) async fn say(&mut self, request: Request) -> Result<u32, Ended> {
        let req = self.next;
        self.next = self.next.checked_add(1).unwrap_or(2);
        send(&mut self.socket, Message::text(protocol::encode(&ClientFrame { req, request }))).await?;
        Ok(req)
    }

    /// Shows that we live.
    pub(crate) async fn ping(&mut self) -> Result<(), Ended> {
        send(&mut self.socket, Message::Ping(Default::default())).await
    }

    /// The next frame. Cancel safe.
    pub(crate) async fn hear(&mut self) -> Result<ServerFrame, Ended> {
        hear(&mut self.socket, &mut self.heard).await
    }

    /// The next frame, if it is there already.
    pub(crate) fn hear_now(&mut self) -> Option<Result<ServerFrame, Ended>> {
        self.hear().now_or_never()
    }

    /// Says goodbye, without waiting for long.
    pub(crate) async fn close(mut self) {
        let frame = CloseFrame { code: 1000u16.into(), reason: "".into() };
        // The host notices the end of the socket anyway.
        let _ = timeout(Duration::from_secs(1), self.socket.close(Some(frame))).await;
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

struct Greeting {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    heard: Instant,
}

impl Greeting {
    async fn say(&mut self, text: String) -> Result<(), Ended> {
        send(&mut self.socket, Message::text(text)).await
    }

    async fn hear(&mut self) -> Result<ServerFrame, Ended> {
        hear(&mut self.socket, &mut self.heard).await
    }
}

async fn secure(
    address: &Address,
    tcp: TcpStream,
    expectation: &Expectation,
) -> Result<(TlsStream<TcpStream>, Voucher), DialError> {
    let (config, seen) =
        tls::config(expectation.clone(), address.is_public_name()).map_err(|_| DialError::NoAnswer)?;
    let name = match address.ip() {
        Some(ip) => ServerName::from(ip),
        None => ServerName::try_from(address.host.clone()).map_err(|_| DialError::NoAnswer)?,
    };
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    let sighting = seen.lock().expect("nothing panics while it notes a sighting").take();
    match (tls, sighting, expectation) {
        (Ok(tls), Some(tls::Sighting { voucher: Some(voucher), .. }), _) => Ok((tls, voucher)),
        (_, Some(tls::Sighting { voucher: None, key }), Expectation::Exactly(expected)) => {
            Err(DialError::OtherKey { expected: expected.clone(), found: key })
        }
        (Err(error), None, _) if is_silence(&error) => Err(DialError::NoAnswer),
        _ => Err(DialError::NotAHost),
    }
}

/// A peer that went away, rather than one that speaks something else.
fn is_silence(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof)
}

async fn upgrade(
    address: &Address,
    tls: TlsStream<TcpStream>,
) -> Result<WebSocketStream<TlsStream<TcpStream>>, DialError> {
    // A zone id (RFC 6874) is this computer's business, not the host's.
    let authority = Address { host: address.host.split('%').next().unwrap_or_default().into(), ..*address };
    let request = HttpRequest::builder()
        .uri(format!("wss://{authority}{}", protocol::WS_PATH))
        .header(header::HOST, authority.to_string())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .header(header::SEC_WEBSOCKET_PROTOCOL, version::SUPPORTED.join(", "))
        .body(())
        .map_err(|_| DialError::NotAHost)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * protocol::limits::CLIENT_FRAME_BYTES)
        .max_message_size(Some(SERVER_FRAME_BYTES))
        .max_frame_size(Some(SERVER_FRAME_BYTES));
    let upgraded = tokio_tungstenite::client_async_with_config(request, tls, Some(config)).await;
    let (socket, response) = upgraded.map_err(|error| match error {
        WsError::Http(response) if response.status() == http::StatusCode::BAD_REQUEST => DialError::Version,
        WsError::Http(response) if response.status().is_server_error() => DialError::Busy,
        WsError::Io(_) => DialError::NoAnswer,
        _ => DialError::NotAHost,
    })?;
    let chosen = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL).map(HeaderValue::as_bytes);
    if chosen.is_some_and(|chosen| version::SUPPORTED.iter().any(|version| version.as_bytes() == chosen)) {
        Ok(socket)
    } else {
        Err(DialError::Version)
    }
}

async fn send(socket: &mut WebSocketStream<TlsStream<TcpStream>>, message: Message) -> Result<(), Ended> {
    match timeout(WRITE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Ended::Lost),
    }
}

async fn hear(
    socket: &mut WebSocketStream<TlsStream<TcpStream>>,
    heard: &mut Instant,
) -> Result<ServerFrame, Ended> {
    loop {
        let message = match socket.next().await {
            Some(Ok(message)) => message,
            _ => return Err(Ended::Lost),
        };
        *heard = Instant::now();
        match message {
            Message::Text(text) => match protocol::decode_server(&text) {
                Ok(frame) => return Ok(frame),
                // Only the place of the fault is logged, never what was said.
                Err(error) => tracing::warn!(%error, "skipped a frame that could not be read"),
            },
            Message::Close(Some(frame)) => return Err(Ended::Closed(frame.code.into())),
            Message::Close(None) => return Err(Ended::Closed(1005)),
            _ => {}
        }
    }
}
