//! Requests that the host itself makes to other places: whom it believes, where it may go, and for how long.
//!
//! Follows no redirection and keeps no connection. Reports go to the public internet and to networks the operator has
//! named, whatever name leads there: an address is looked at after it was resolved, and the very address that was
//! looked at is connected to.

mod public;
mod target;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use crate::error::StartError;

pub(crate) use target::Target;

/// For one address to answer; the next one gets its turn then.
const KNOCKING: Duration = Duration::from_secs(5);

/// Most addresses of a name that are tried.
const ADDRESSES: usize = 8;

/// Where a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Anywhere: the operator has given the address.
    Anywhere,
    /// The public internet and the networks that the operator has named.
    Guarded,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error("the address is not one of the web")]
    Address,
    #[error("the name leads nowhere")]
    Unknown,
    #[error("the address is not of the public internet; `outgoing.private_networks` allows others")]
    Private,
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

/// How the host goes out.
pub(crate) struct Outgoing {
    authorities: Vec<CertificateDer<'static>>,
    private_networks: Vec<IpNet>,
    /// Made when first needed: the system's authorities cost some memory.
    tls: OnceLock<Arc<ClientConfig>>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("authorities", &self.authorities.len())
            .field("private_networks", &self.private_networks)
            .finish_non_exhaustive()
    }
}

/// An answer, and what keeps its connection alive until it is read.
pub(crate) struct Answered {
    pub(crate) response: Response<Incoming>,
    driven: AbortOnDropHandle<Result<(), hyper::Error>>,
}

impl Answered {
    /// The answer, and its connection, to be dropped once the answer is read.
    pub(crate) fn into_parts(self) -> (Response<Incoming>, impl Drop + Send) {
        (self.response, self.driven)
    }
}

impl Outgoing {
    /// Believes the system's authorities and those in the PEM file `authorities`.
    pub(crate) fn new(authorities: Option<&Path>, private_networks: Vec<IpNet>) -> Result<Self, StartError> {
        let authorities = authorities.map(read_authorities).transpose()?.unwrap_or_default();
        Ok(Self { authorities, private_networks, tls: OnceLock::new() })
    }

    /// Sends a request, whose URI is a path, to `target`. Takes as long as the other side does: callers bound it.
    pub(crate) async fn send(
        &self,
        target: &Target,
        reach: Reach,
        mut request: Request<Body>,
    ) -> Result<Answered, Undelivered> {
        let host = HeaderValue::try_from(target.authority()).map_err(|_| Undelivered::Address)?;
        request.headers_mut().insert(header::HOST, host);
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        let tcp = self.connect(target, reach).await?;
        if !target.is_secure() {
            return converse(tcp, request).await;
        }
        let name = ServerName::try_from(target.bare_name().to_owned()).map_err(|_| Undelivered::Address)?;
        let tls = TlsConnector::from(self.tls()?).connect(name, tcp).await?;
        converse(tls, request).await
    }

    async fn connect(&self, target: &Target, reach: Reach) -> Result<TcpStream, Undelivered> {
        let found = lookup_host((target.bare_name(), target.port())).await;
        let found = found.map_err(|_| Undelivered::Unknown)?.take(ADDRESSES).collect::<Vec<_>>();
        let allowed = found.iter().filter(|address| reach == Reach::Anywhere || self.may_reach(address.ip()));
        let mut problem = if found.is_empty() { Undelivered::Unknown } else { Undelivered::Private };
        for address in allowed {
            match knock(*address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    fn may_reach(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        public::is_public(ip) || self.private_networks.iter().any(|net| net.contains(&ip))
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, Undelivered> {
        if let Some(made) = self.tls.get() {
            return Ok(Arc::clone(made));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            Verifier::new_with_extra_roots(self.authorities.iter().cloned(), Arc::clone(&provider))
                .map_err(Undelivered::Tls)?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Undelivered::Tls)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }
}

async fn knock(address: SocketAddr) -> Result<TcpStream, Undelivered> {
    Ok(timeout(KNOCKING, TcpStream::connect(address)).await.map_err(|_| Undelivered::Silence)??)
}

async fn converse<S>(socket: S, request: Request<Body>) -> Result<Answered, Undelivered>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let driven = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok(Answered { response: sender.send_request(request).await?, driven })
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let unusable = |problem: String| StartError::Certificate { path: path.to_owned(), problem };
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(error.to_string()))?;
    if found.is_empty() {
        return Err(unusable("there is no certificate in it".into()));
    }
    Ok(found)
}
