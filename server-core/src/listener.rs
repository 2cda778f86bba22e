//! The accept loop: one port for TLS and, from this computer only, plain HTTP.
//!
//! A socket has one deadline from accept to signed in, whatever it spends it on; sockets are counted before they
//! cost anything. Plain requests from elsewhere are pointed to TLS and get nothing else.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::acme;
use crate::budget::{Place, Source};
use crate::error::StartError;
use crate::host::Host;
use crate::http::gate::authority;
use crate::live::Live;
use crate::network::{is_here, is_near};

/// The first byte of every TLS connection (RFC 8446, 5.1: handshake).
const TLS_HANDSHAKE: u8 = 0x16;

/// A socket that stays HTTP is asked to close after this long; browsers open another without a word.
const HTTP_LIFE: Duration = Duration::from_secs(60);

/// For the request in hand when an HTTP socket is asked to close.
const HTTP_GRACE: Duration = Duration::from_secs(5);

/// Largest head of a request.
const HEAD_BYTES: usize = 16 * 1024;

/// Before accepting again when the system has no more sockets to give.
const BREATH: Duration = Duration::from_millis(50);

/// Opens the port.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse(address),
        _ => StartError::Listen { address, source },
    })?;
    let bound = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
    Ok((listener, bound))
}

/// What says whether the host is well, and nothing else.
const HEALTH: [&str; 3] = ["/livez", "/readyz", "/version"];

/// What is known of a socket when it has been accepted.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) peer: SocketAddr,
    /// Whether it comes from the very address it came to.
    own: bool,
    /// By when it must be signed in.
    pub(crate) deadline: Instant,
    /// Its place among all sockets, and those of its address.
    pub(crate) place: Arc<(OwnedSemaphorePermit, Option<Place<Source>>)>,
    /// Its place among those not signed in.
    pub(crate) stranger: Arc<(OwnedSemaphorePermit, Option<Place<Source>>)>,
    /// Counts the tasks a stop waits for.
    pub(crate) tracker: TaskTracker,
}

/// A socket, encrypted or not.
#[derive(Debug)]
pub(crate) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Accepts until the host stops.
pub(crate) async fn accept(
    listener: TcpListener,
    host: Arc<Host>,
    (router, tls): (Router, Arc<ServerConfig>),
    tracker: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(host.config.limits.connections));
    let strangers = Arc::new(Semaphore::new(host.config.limits.strangers));
    let tls = TlsAcceptor::from(tls);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = host.stop.cancelled() => return,
            next = next => next,
        };
        let (Ok(place), Ok((stream, peer))) = (place, accepted) else {
            // The system's table of sockets is full, or the peer has gone already.
            sleep(BREATH).await;
            continue;
        };
        let Ok(stranger) = Arc::clone(&strangers).try_acquire_owned() else { continue };
        let own = stream.local_addr().is_ok_and(|own| own.ip() == peer.ip());
        let peer = seen(peer, own, &host.live.load());
        let Some(held) = host.hold(peer.ip()) else { continue };
        let accepted = Accepted {
            peer,
            own,
            deadline: Instant::now() + host.config.timeouts.sign_in,
            place: Arc::new((place, held.connection)),
            stranger: Arc::new((stranger, held.stranger)),
            tracker: tracker.clone(),
        };
        tracker.spawn(serve(stream, accepted, Arc::clone(&host), (router.clone(), tls.clone())));
    }
}

/// A peer as the rest of the host is to see it. Whoever comes from the very address it came to is on this computer, which
/// matters where the network's addresses are public ones. A private address stays what it is: it is near by itself, and
/// may be a container's own, by which everybody comes. So does that of a proxy, which is believed for it.
fn seen(peer: SocketAddr, own: bool, live: &Live) -> SocketAddr {
    let here = own && !is_near(peer.ip()) && !live.trusts(peer.ip());
    if here { SocketAddr::new(Ipv4Addr::LOCALHOST.into(), peer.port()) } else { peer }
}

async fn serve(stream: TcpStream, accepted: Accepted, host: Arc<Host>, (router, tls): (Router, TlsAcceptor)) {
    // Small frames should leave at once; a socket that can't be told so still works.
    let _ = stream.set_nodelay(true);
    let begun = tokio::select! {
        biased;
        // Whoever has asked nothing yet has nothing to wait for.
        () = host.stop.cancelled() => return,
        begun = timeout_at(accepted.deadline, begin(stream, tls)) => begun,
    };
    let Ok(Some(socket)) = begun else { return };
    let encrypted = matches!(socket, Socket::Tls(_));
    // A proxy that the operator has named has done the TLS.
    let welcome = encrypted || is_here(accepted.peer.ip()) || host.live.load().trusts(accepted.peer.ip());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(accepted.clone());
        // The host's own health check and doctor come so where it listens on one address only.
        let welcome = welcome || (accepted.own && HEALTH.contains(&request.uri().path()));
        let mut router = router.clone();
        async move {
            if welcome {
                router.call(request.map(Body::new)).await
            } else {
                Ok::<_, Infallible>(point_to_tls(&request))
            }
        }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(host.config.timeouts.sign_in)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    tokio::pin!(http);
    tokio::select! {
        // How an HTTP connection ends is of no interest.
        _ = http.as_mut() => return,
        () = host.stop.cancelled() => {}
        () = sleep(HTTP_LIFE) => {}
    }
    http.as_mut().graceful_shutdown();
    tokio::select! {
        _ = http => {}
        () = sleep_until(Instant::now() + HTTP_GRACE) => {}
    }
}

/// Waits for the first byte, which tells TLS from plain HTTP, and for the handshake. None if there is nobody to serve.
async fn begin(stream: TcpStream, tls: TlsAcceptor) -> Option<Socket> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? == 0 {
        return None;
    }
    if first[0] != TLS_HANDSHAKE {
        return Some(Socket::Plain(stream));
    }
    let stream = tls.accept(stream).await.ok()?;
    // An authority has seen what it came for; nothing else is said to it (RFC 8737, 3).
    let challenge = stream.get_ref().1.alpn_protocol() == Some(acme::ALPN);
    (!challenge).then(|| Socket::Tls(Box::new(stream)))
}

/// The answer to a plain request from another computer.
fn point_to_tls<B>(request: &Request<B>) -> Response<Body> {
    let mut response = Response::new(Body::from("this host speaks https only\n"));
    match secure_uri(request).and_then(|uri| HeaderValue::try_from(uri.to_string()).ok()) {
        Some(location) => {
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(header::LOCATION, location);
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

fn secure_uri<B>(request: &Request<B>) -> Option<Uri> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Uri::builder().scheme("https").authority(authority(request.headers())?).path_and_query(path).build().ok()
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(host: Option<&str>, path: &str) -> Request<()> {
        let builder = Request::builder().uri(path);
        host.map_or(Request::builder().uri(path), |host| builder.header(header::HOST, host)).body(()).unwrap()
    }

    #[test]
    fn a_plain_request_from_elsewhere_is_pointed_to_the_same_place_over_tls() {
        let response = point_to_tls(&request(Some("192.168.1.4:7717"), "/join/abc?x=1"));
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(response.headers()[header::LOCATION], "https://192.168.1.4:7717/join/abc?x=1");
    }

    #[test]
    fn only_a_public_address_of_ones_own_is_taken_for_this_computer() {
        let mut config = crate::Config::new("host", ([127, 0, 0, 1], 0).into());
        config.trusted_proxies = vec!["203.0.113.5/32".parse().unwrap()];
        let live = Live::new("Studio".into(), &config).unwrap();
        for (peer, own, here) in [
            ("198.51.100.7", true, true),
            ("198.51.100.7", false, false),
            // Perhaps a container's, which everybody has there.
            ("10.0.2.100", true, false),
            ("192.168.1.5", true, false),
            // A proxy on this computer is believed by its name.
            ("203.0.113.5", true, false),
        ] {
            let address = SocketAddr::new(peer.parse().unwrap(), 4711);
            assert_eq!(is_here(seen(address, own, &live).ip()), here, "{peer}");
        }
    }

    #[test]
    fn a_plain_request_that_names_nobody_is_refused() {
        assert_eq!(point_to_tls(&request(None, "/")).status(), StatusCode::BAD_REQUEST);
        assert_eq!(point_to_tls(&request(Some("a b"), "/")).status(), StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let (_held, bound) = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let error = bind(bound).await.unwrap_err();
        assert!(matches!(error, StartError::PortInUse(address) if address == bound));
        assert!(error.to_string().contains(&bound.port().to_string()));
    }
}
