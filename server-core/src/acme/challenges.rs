//! How the host shows an authority that a name leads to it: by a certificate (RFC 8737) on its one port, or by a file
//! over plain HTTP (RFC 8555, 8.3) on another, which is open only meanwhile.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What an authority asks for in TLS (RFC 8737, 6.2). Nothing else is ever said over such a connection.
pub(crate) const ALPN: &[u8] = b"acme-tls/1";

/// Certificates to show to an authority, by name; none outside of an order.
#[derive(Debug, Default)]
pub(crate) struct Challenges(Mutex<HashMap<String, Arc<CertifiedKey>>>);

impl Challenges {
    /// The one to show to whoever asks for `name`.
    pub(crate) fn of(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.0.lock().expect("nothing panics while it holds them").get(&name.to_ascii_lowercase()).cloned()
    }

    /// Shows `digest` for `name`.
    pub(super) fn put(&self, name: &str, digest: &[u8]) -> Result<(), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let certificate = params.self_signed(&key)?;
        let signing = PrivateKeyDer::try_from(key.serialize_der())
            .ok()
            .and_then(|der| any_supported_type(&der).ok())
            .ok_or(rcgen::Error::CouldNotParseKeyPair)?;
        let certified = Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signing));
        let mut all = self.0.lock().expect("nothing panics while it holds them");
        all.insert(name.to_ascii_lowercase(), certified);
        Ok(())
    }

    pub(super) fn clear(&self) {
        self.0.lock().expect("nothing panics while it holds them").clear();
    }
}

/// The files of an order, served until this is dropped.
pub(super) struct Files {
    by_token: Arc<Mutex<HashMap<String, String>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Files {
    /// Opens `address`, on which nothing else is answered.
    pub(super) async fn serve(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let by_token = Arc::<Mutex<HashMap<String, String>>>::default();
        let shown = Arc::clone(&by_token);
        let file = move |Path(token): Path<String>| async move {
            let found = shown.lock().expect("nothing panics while it holds them").get(&token).cloned();
            found.ok_or(StatusCode::NOT_FOUND)
        };
        let router = Router::new().route("/.well-known/acme-challenge/{token}", get(file));
        let serving = AbortOnDropHandle::new(tokio::spawn(async move {
            // Without it the authority finds nothing, and says so.
            let _ = axum::serve(listener, router).await;
        }));
        Ok(Self { by_token, _serving: serving })
    }

    pub(super) fn put(&self, token: &str, text: &str) {
        let mut all = self.by_token.lock().expect("nothing panics while it holds them");
        all.insert(token.to_owned(), text.to_owned());
    }
}
