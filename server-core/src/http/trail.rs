//! A number for every HTTP request, in its answer and in the log, so that both can be found from each other.
//!
//! Logs the route, never the path: links and hooks carry secrets in theirs.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

/// The header of the number.
const REQUEST_ID: &str = "x-request-id";

/// The number of the request in hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestId(pub(crate) Uuid);

/// Numbers a request and notes how it was answered.
pub(crate) async fn number(mut request: Request, next: Next) -> Response {
    let id = Uuid::now_v7();
    request.extensions_mut().insert(RequestId(id));
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let route = route.as_ref().map_or("page", MatchedPath::as_str);
    let status = response.status().as_u16();
    tracing::debug!(request_id = %id, %method, route, status, ms = began.elapsed().as_millis(), "answered");
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
