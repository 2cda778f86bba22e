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

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::get;

use crate::host::Host;

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
        .fallback(web::page)
        .layer(middleware::from_fn_with_state(Arc::clone(&host), moved::point_there))
        .layer(middleware::from_fn_with_state(Arc::clone(&host), origins::answer))
        .layer(middleware::from_fn_with_state(Arc::clone(&host), gate::check_host))
        .layer(middleware::from_fn_with_state(Arc::clone(&host), toll::take))
        .layer(middleware::from_fn(trail::number))
        .with_state(host)
}
