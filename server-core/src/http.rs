//! The host's one port over HTTP: who may speak to it, and which path leads where.
//!
//! What needs a right goes over the WebSocket, or comes from a program with a secret of its own: hooks and bots.

mod bots;
mod fault;
pub(crate) mod gate;
mod health;
mod hooks;
mod moved;
mod origins;
mod toll;
mod trail;
mod upgrade;
mod web;

pub use origins::{NotAnOrigin, origin};

use std::sync::Arc;

use axum::extract::Extension;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Router, middleware};
use protocol::ErrorCode;

use crate::error::Refusal;
use crate::host::Host;
use fault::{Fault, refuse};
use trail::RequestId;

/// Where programs are spoken to: what is not there is missing, and no place inside the page.
const PROGRAMS: [&str; 4] = ["/api/", "/files/", "/hooks/", "/metrics"];

/// All paths of a host.
pub(crate) fn router(host: Arc<Host>) -> Router {
    let router = Router::new();
    #[cfg(feature = "echo")]
    let router = router.route("/echo", get(crate::connection::echo::upgrade));
    router
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/version", get(health::version))
        .route(protocol::MOVED_PATH, get(moved::note))
        .route(protocol::WS_PATH, get(upgrade::upgrade))
        .merge(hooks::routes())
        .merge(bots::routes(&host))
        .method_not_allowed_fallback(wrong_method)
        .fallback(elsewhere)
        .layer(middleware::from_fn_with_state(Arc::clone(&host), moved::point_there))
        .layer(middleware::from_fn_with_state(Arc::clone(&host), origins::answer))
        .layer(middleware::from_fn_with_state(Arc::clone(&host), gate::check_host))
        .layer(middleware::from_fn_with_state(Arc::clone(&host), toll::take))
        .layer(middleware::from_fn_with_state(Arc::clone(&host), origins::show))
        .layer(middleware::from_fn(trail::number))
        .with_state(host)
}

/// The figures' path on an address of its own: numbered, and kept from other sites' pages like everything else.
pub(crate) fn figures(host: &Arc<Host>, figures: MethodRouter<Arc<Host>>) -> Router {
    Router::new()
        .route("/metrics", figures)
        .layer(middleware::from_fn_with_state(Arc::clone(host), gate::check_host))
        .layer(middleware::from_fn(trail::number))
        .with_state(Arc::clone(host))
}

/// The page for people, which finds its own way, and a plain no for programs.
async fn elsewhere(Extension(id): Extension<RequestId>, method: Method, uri: Uri) -> Response {
    if PROGRAMS.iter().any(|programs| uri.path().starts_with(programs)) {
        return Fault(Refusal::not_found("path"), id).into_response();
    }
    match method {
        Method::GET | Method::HEAD => web::page(&uri).into_response(),
        _ => wrong_method(Extension(id)).await,
    }
}

async fn wrong_method(Extension(id): Extension<RequestId>) -> Response {
    let refusal = Refusal::new(ErrorCode::BadFrame, "this path does not take that method");
    refuse(StatusCode::METHOD_NOT_ALLOWED, &refusal, id)
}
