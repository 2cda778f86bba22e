//! The surface of a host that has moved: its note, and the way there for browsers.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::host::Host;

/// The signed note, or nothing where the host still is.
pub(crate) async fn note(State(host): State<Arc<Host>>) -> Response {
    match host.moved.load_full() {
        Some(moved) => Json(moved.as_ref()).into_response(),
        None => (StatusCode::NOT_FOUND, "this host is here\n").into_response(),
    }
}

/// Sends pages to the new place; programs that ask for a note, the socket or health are answered as before.
pub(crate) async fn point_there(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    let Some(moved) = host.moved.load_full() else { return next.run(request).await };
    let path = request.uri().path();
    let answered = [protocol::WS_PATH, protocol::MOVED_PATH, "/livez", "/readyz", "/version"].contains(&path);
    if answered {
        return next.run(request).await;
    }
    let to = moved.addresses.first().map(String::as_str).unwrap_or_default();
    let here = to.parse().is_ok_and(|address: SocketAddr| address.ip().is_loopback());
    let target = format!("{}://{to}{}", if here { "http" } else { "https" }, request.uri());
    let may_follow = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = (StatusCode::GONE, format!("this host has moved to {to}\n")).into_response();
    if let (true, Ok(target)) = (may_follow, HeaderValue::try_from(target)) {
        // Not for good: the host may come back here.
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(header::LOCATION, target);
    }
    response
}
