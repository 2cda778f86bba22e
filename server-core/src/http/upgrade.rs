//! From an HTTP request to a WebSocket.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use protocol::ErrorCode;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::fault::Fault;
use super::origins::is_welcome;
use super::trail::RequestId;
use crate::admission::Peer;
use crate::budget::{Held, Source};
use crate::connection;
use crate::error::Refusal;
use crate::host::Host;
use crate::listener::{Accepted, Socket};

/// Headers by which a proxy says that it passed a request on.
const PASSED_ON: [&str; 3] = ["forwarded", "x-forwarded-for", "via"];

/// After so many milliseconds, connections that have gone silent are noticed.
const PATIENCE: u32 = 60_000;

/// Answers the handshake and hands the socket to a connection.
pub(super) async fn upgrade(
    State(host): State<Arc<Host>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Fault> {
    become_socket(&host, request).map_err(|refusal| Fault(refusal, id))
}

fn become_socket(host: &Arc<Host>, mut request: Request) -> Result<Response, Refusal> {
    if !is_welcome(request.headers(), &host.live.load().allowed_origins) {
        return Err(Refusal::forbidden("pages of other sites may not connect to this host"));
    }
    let no = |why: &str| Refusal::new(ErrorCode::BadFrame, why);
    let version = common_version(&request)
        .ok_or_else(|| no(&format!("offer the subprotocol {}", protocol::version::SUPPORTED.join(" or "))))?;
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let accepted = request.extensions_mut().remove::<Accepted>();
    let (Some(upgrade), Some(accepted)) = (upgrade, accepted) else {
        return Err(no("this connection can't become a WebSocket"));
    };
    let mut response = create_response_with_body(&request, Body::empty)
        .map_err(|_| no("this is no WebSocket handshake (RFC 6455, 4.2.1)"))?;
    response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(version));
    let peer = peer(host, &accepted, request.headers());
    let held = match Source::from(peer.address) == Source::from(accepted.peer.ip()) {
        true => Held::default(),
        // A proxy passed it on: now it is known whose socket it is.
        false => host.hold(peer.address).ok_or_else(too_many)?,
    };
    let (host, tracker) = (Arc::clone(host), accepted.tracker.clone());
    tracker.spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Some(io) = socket_of(upgraded) else { return };
        let Accepted { deadline, place, stranger, .. } = accepted;
        host.metrics.connections.increment(1.0);
        connection::serve(Arc::clone(&host), peer, io, deadline, (stranger, held.stranger)).await;
        host.metrics.connections.decrement(1.0);
        drop((place, held.connection));
    });
    Ok(response)
}

fn too_many() -> Refusal {
    let wait = Refusal::rate_limited(PATIENCE);
    Refusal { message: "too many connections from this address; close some, or wait".into(), ..wait }
}

/// Our own socket, with what was read of it already. Nothing of the HTTP part outlives this, above all not its buffer.
fn socket_of(upgraded: Upgraded) -> Option<(Socket, Vec<u8>)> {
    // It is always ours; anything else would be a bug of this crate and is only closed.
    let parts = upgraded.downcast::<TokioIo<Socket>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// Who asks.
pub(super) fn peer(host: &Host, accepted: &Accepted, headers: &HeaderMap) -> Peer {
    let proxied = PASSED_ON.iter().any(|name| headers.contains_key(*name));
    Peer { address: speaker(host, accepted, headers), proxied }
}

/// Who really speaks, as far as trusted proxies say.
pub(super) fn speaker(host: &Host, accepted: &Accepted, headers: &HeaderMap) -> IpAddr {
    let passed_on = headers.get_all("x-forwarded-for").iter();
    // What somebody made up may be no text; what the proxy has added to it counts all the same.
    let passed_on = passed_on.map(|value| String::from_utf8_lossy(value.as_bytes()));
    host.live.load().speaker(accepted.peer.ip(), &passed_on.collect::<Vec<_>>().join(","))
}

fn common_version(request: &Request) -> Option<&'static str> {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    protocol::version::negotiate(&offered)
}
