//! The authority's own web server, as `instant-acme` speaks to it: over TLS, bounded in time and in bytes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Uri, header};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use tokio::time::timeout;

use crate::outgoing::{Outgoing, Reach, Target, Undelivered};

/// For one request.
const PATIENCE: Duration = Duration::from_secs(60);

/// Largest answer; chains are some kilobytes.
const ANSWER_BYTES: usize = 1024 * 1024;

const PROGRAM: &str = concat!("hearth-server/", env!("CARGO_PKG_VERSION"), " instant-acme");

/// Goes out as the operator has said.
pub(super) struct Web(pub(super) Arc<Outgoing>);

impl HttpClient for Web {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let outgoing = Arc::clone(&self.0);
        Box::pin(async move {
            let asked = timeout(PATIENCE, ask(&outgoing, request));
            asked.await.unwrap_or_else(|_| Err(Error::Other(Box::new(Undelivered::Silence))))
        })
    }
}

async fn ask(outgoing: &Outgoing, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
    let failed = |problem: Undelivered| Error::Other(Box::new(problem));
    let target = Target::read(&request.uri().to_string()).filter(Target::is_secure);
    let target = target.ok_or_else(|| failed(Undelivered::Address))?;
    let (mut parts, body) = request.into_parts();
    parts.uri = target.path().parse::<Uri>()?;
    parts.headers.insert(header::USER_AGENT, header::HeaderValue::from_static(PROGRAM));
    let body =
        to_bytes(Body::new(body), ANSWER_BYTES).await.map_err(|error| Error::Other(Box::new(error)))?;
    let request = Request::from_parts(parts, Body::from(body));
    let answered = outgoing.send(&target, Reach::Anywhere, request).await.map_err(failed)?;
    let (response, _driven) = answered.into_parts();
    let (parts, body) = response.into_parts();
    let body = to_bytes(Body::new(body), ANSWER_BYTES).await;
    let body = body.map_err(|error| Error::Other(Box::new(error)))?;
    Ok(BytesResponse { parts, body: Box::new(body) })
}
