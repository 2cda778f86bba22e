//! One signed request to another program, over HTTP or HTTPS, bounded in time and in what is read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use protocol::UnixMillis;
use ring::hmac;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// For the whole of a request.
const PATIENCE: Duration = Duration::from_secs(15);

/// Carries the time and the signature.
const SIGNATURE: &str = "x-hearth-signature";

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undelivered {
    #[error("the address is not one of the web")]
    Address,
    #[error("nothing answers there in time")]
    Silence,
    #[error("no connection: {0}")]
    Connection(#[from] std::io::Error),
    #[error("no trusted TLS: {0}")]
    Tls(rustls::Error),
    #[error("no HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the answer was {0}")]
    Status(u16),
}

/// Where a report goes, taken apart.
pub(crate) struct Target {
    name: String,
    port: u16,
    secure: bool,
    path: String,
}

impl Target {
    /// Reads an address; `None` unless it is one of the web, without a name or password in it.
    pub(crate) fn read(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(Self {
            name: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
            secure,
            path: format!("{}{query}", url.path()),
        })
    }
}

impl Target {
    /// Who is there, without the path, which may be a secret.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The value of the signature's header: HMAC-SHA256 over the time in decimal, a dot, and the body.
fn signature(key: &str, at: UnixMillis, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let mut signing = hmac::Context::with_key(&key);
    signing.update(at.0.to_string().as_bytes());
    signing.update(b".");
    signing.update(body);
    let digits = signing.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("t={},v1={digits}", at.0)
}

/// Posts a report. Anything but a status of success is a failure; redirections are not followed.
pub(super) async fn post(url: &str, key: &str, body: Vec<u8>, at: UnixMillis) -> Result<(), Undelivered> {
    let target = Target::read(url).ok_or(Undelivered::Address)?;
    let signed = signature(key, at, &body);
    let authority = format!("{}:{}", target.name, target.port);
    let request = Request::post(&target.path)
        .header(header::HOST, &authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("hearth-server/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .header(SIGNATURE, signed)
        .body(Body::from(body))
        .map_err(|_| Undelivered::Address)?;
    timeout(PATIENCE, Box::pin(exchange(&target, authority, request)))
        .await
        .unwrap_or(Err(Undelivered::Silence))
}

async fn exchange(target: &Target, authority: String, request: Request<Body>) -> Result<(), Undelivered> {
    let tcp = TcpStream::connect(authority).await?;
    if !target.secure {
        return converse(tcp, request).await;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(Undelivered::Tls)?
        .with_no_client_auth();
    let literal = target.name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(literal).map_err(|_| Undelivered::Address)?;
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    converse(tls, request).await
}

async fn converse<S>(socket: S, request: Request<Body>) -> Result<(), Undelivered>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    // Only the status counts: the answer's body is left unread, and the connection ends with this function.
    let _driven = AbortOnDropHandle::new(tokio::spawn(connection));
    let status = sender.send_request(request).await?.status();
    if status.is_success() { Ok(()) } else { Err(Undelivered::Status(status.as_u16())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_reported_to() {
        for good in ["https://example.org/hook?x=1", "http://127.0.0.1:8080", "https://[::1]:8443/"] {
            assert!(Target::read(good).is_some(), "{good}");
        }
        for bad in ["", "example.org", "file:///etc/passwd", "https://a:b@example.org/", "ftp://example.org"]
        {
            assert!(Target::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_signature_is_of_its_time_and_body() {
        let signed = signature("key", UnixMillis(1), b"{}");
        assert!(signed.starts_with("t=1,v1=") && signed.len() == 7 + 64);
        assert_ne!(signed[7..], signature("key", UnixMillis(2), b"{}")[7..]);
        assert_ne!(signed, signature("key", UnixMillis(1), b"{ }"));
        assert_ne!(signed, signature("other", UnixMillis(1), b"{}"));
    }
}
