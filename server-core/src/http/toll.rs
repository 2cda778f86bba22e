//! What every request over HTTP costs the address it comes from, before anything else is done for it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::fault::Fault;
use super::trail::RequestId;
use super::upgrade::peer;
use crate::host::Host;
use crate::listener::Accepted;

/// Lets a request through, or says when it may come again (429).
pub(crate) async fn take(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    let Some(accepted) = request.extensions().get::<Accepted>() else { return next.run(request).await };
    let peer = peer(&host, accepted, request.headers());
    if peer.is_spared(&host) {
        return next.run(request).await;
    }
    match host.request_from(peer.address) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            let id = request.extensions().get().copied().unwrap_or(RequestId(Uuid::nil()));
            Fault(refusal, id).into_response()
        }
    }
}
