//! The surface of a host that has moved: its note, and the way there for browsers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use protocol::ErrorCode;

use super::fault::{Fault, refuse};
use super::trail::RequestId;
use crate::error::Refusal;
use crate::forward;
use crate::host::Host;
use crate::network::in_a_browser;

/// The signed note, or nothing where the host still is.
pub(super) async fn note(
    State(host): State<Arc<Host>>,
    Extension(id): Extension<RequestId>,
) -> Result<Response, Fault> {
    match host.moved.load_full() {
        Some(moved) => Ok(Json(moved.as_ref()).into_response()),
        None => Err(Fault(Refusal::new(ErrorCode::NotFound, "this host is here"), id)),
    }
}

/// Sends pages to the new place; programs that ask for a note, the socket or health are answered as before.
pub(super) async fn point_there(
    State(host): State<Arc<Host>>,
    Extension(id): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    let Some(moved) = host.moved.load_full() else { return next.run(request).await };
    let path = request.uri().path();
    let answered = [protocol::WS_PATH, protocol::MOVED_PATH, "/livez", "/readyz", "/version"].contains(&path);
    if answered {
        return next.run(request).await;
    }
    let to = moved.addresses.first().map(String::as_str).unwrap_or_default();
    let (scheme, place) = in_a_browser(to);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let target = format!("{scheme}://{place}{path}");
    let may_follow = matches!(*request.method(), Method::GET | Method::HEAD);
    match HeaderValue::try_from(target) {
        // Not for good: the host may come back here.
        Ok(target) if may_follow => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target)]).into_response()
        }
        _ => refuse(StatusCode::GONE, &forward::refusal(&moved), id),
    }
}
