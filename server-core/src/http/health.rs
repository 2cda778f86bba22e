//! Whether the host lives, whether it can do its work, and what it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use vault::Health;

use crate::host::Host;

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// The process takes messages.
pub(crate) async fn ready(State(host): State<Arc<Host>>) -> (StatusCode, &'static str) {
    match host.vault.health() {
        _ if host.stop.is_cancelled() => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        _ if host.moved.load().is_some() => (StatusCode::SERVICE_UNAVAILABLE, "moved\n"),
        Health::Writable => (StatusCode::OK, "ok\n"),
        Health::ReadOnly(_) => (StatusCode::SERVICE_UNAVAILABLE, "read-only: the disk is full\n"),
        Health::Failed(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "failed: the disk is in doubt, restart the host\n")
        }
    }
}

/// What the host says of its software.
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    name: &'static str,
    version: &'static str,
    protocols: &'static [&'static str],
}

pub(crate) async fn version() -> Json<Version> {
    Json(Version {
        name: "hearth-server",
        version: env!("CARGO_PKG_VERSION"),
        protocols: protocol::version::SUPPORTED,
    })
}
