//! TLS 1.3 by the host's own key, and by an authority's certificate where one is given.
//!
//! The own certificate is self-signed and made anew at each start: apps pin the key, not the certificate, so neither
//! its names nor its dates are trusted by anyone. A certificate from files, or one that the host has had from an
//! authority by itself, is shown only to those who ask for one of its names; everyone else still meets the host's own
//! key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use protocol::UnixMillis;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::acme::{ALPN, Challenges};
use crate::config::TlsFiles;
use crate::error::StartError;
use crate::identity::{Identity, sha256};

/// The certificates of a host.
#[derive(Debug)]
pub(crate) struct Certificates {
    own: Arc<CertifiedKey>,
    named: ArcSwapOption<CertifiedKey>,
    earned: ArcSwapOption<CertifiedKey>,
    pub(crate) challenges: Challenges,
}

impl Certificates {
    /// Makes the own certificate, with `names` in it for browsers' benefit, and reads the other from `files`.
    pub(crate) fn new(
        identity: &Identity,
        names: &[String],
        files: Option<&TlsFiles>,
    ) -> Result<Arc<Self>, StartError> {
        let own = Arc::new(own_certificate(identity, names)?);
        let named = ArcSwapOption::from(read(files)?);
        Ok(Arc::new(Self { own, named, earned: ArcSwapOption::empty(), challenges: Challenges::default() }))
    }

    /// Shows the certificate of files from now on, or none.
    pub(crate) fn show(&self, named: Option<Arc<CertifiedKey>>) {
        self.named.store(named);
    }

    /// Shows what an authority has given from now on, besides that from files.
    pub(crate) fn earn(&self, earned: Option<Earned>) {
        self.earned.store(earned.map(|earned| earned.certified));
    }

    /// What rustls needs to speak as this host.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, StartError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map(|builder| builder.with_no_client_auth().with_cert_resolver(resolver))
            .map_err(|_| StartError::Key("TLS does not take it"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec(), ALPN.to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        if hello.alpn().is_some_and(|mut asked| asked.next() == Some(ALPN) && asked.next().is_none()) {
            return self.challenges.of(name?);
        }
        let fits = |certified: &Arc<CertifiedKey>| name.is_some_and(|name| is_for(certified, name));
        let named = self.named.load_full().filter(fits);
        let named = named.or_else(|| self.earned.load_full().filter(fits));
        Some(named.unwrap_or_else(|| Arc::clone(&self.own)))
    }
}

/// A certificate that an authority has given.
#[derive(Debug, Clone)]
pub(crate) struct Earned {
    certified: Arc<CertifiedKey>,
    life: (UnixMillis, UnixMillis),
}

/// Why what was given is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEarned {
    #[error("the certificate can't be read")]
    Chain,
    #[error("its key can't be used")]
    Key,
    #[error("the key is not that of the certificate")]
    Mismatch,
}

impl Earned {
    /// Reads a chain and its private key, both PEM.
    pub(crate) fn read(chain: &str, private_key: &str) -> Result<Self, NotEarned> {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| NotEarned::Chain)?;
        let key = PrivateKeyDer::from_pem_slice(private_key.as_bytes()).map_err(|_| NotEarned::Key)?;
        let signing = any_supported_type(&key).map_err(|_| NotEarned::Key)?;
        let life = chain.first().and_then(|first| life(first)).ok_or(NotEarned::Chain)?;
        let certified = CertifiedKey::new(chain, signing);
        certified.keys_match().map_err(|_| NotEarned::Mismatch)?;
        Ok(Self { certified: Arc::new(certified), life })
    }

    /// Whether it is for every one of `names`.
    pub(crate) fn is_for(&self, names: &[String]) -> bool {
        names.iter().all(|name| is_for(&self.certified, name))
    }

    /// From when to when it is good.
    pub(crate) fn life(&self) -> (UnixMillis, UnixMillis) {
        self.life
    }
}

fn life(certificate: &CertificateDer<'_>) -> Option<(UnixMillis, UnixMillis)> {
    let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let validity = read.validity();
    let millis = |time: x509_parser::time::ASN1Time| UnixMillis(time.timestamp().saturating_mul(1000));
    Some((millis(validity.not_before), millis(validity.not_after)))
}

/// When the certificate in a file ends, for those who look after a host.
pub(crate) fn ends(files: &TlsFiles) -> Option<UnixMillis> {
    let first = CertificateDer::pem_file_iter(&files.certificate).ok()?.next()?.ok()?;
    life(&first).map(|(_, ends)| ends)
}

fn is_for(certified: &CertifiedKey, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else { return false };
    let Some(Ok(certificate)) = certified.cert.first().map(ParsedCertificate::try_from) else { return false };
    verify_server_name(&certificate, &name).is_ok()
}

fn own_certificate(identity: &Identity, names: &[String]) -> Result<CertifiedKey, StartError> {
    let pkcs8 = PrivatePkcs8KeyDer::from(identity.pkcs8().to_vec());
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ECDSA_P256_SHA256)
        .map_err(|_| StartError::Key("it does not sign certificates"))?;
    if sha256(&key.subject_public_key_info()) != *identity.id().digest() {
        return Err(StartError::Key("its public half does not fit"));
    }
    let mut params = CertificateParams::new(names.to_vec())
        .map_err(|_| StartError::Key("a public name is not a name a certificate can hold"))?;
    params.distinguished_name.push(DnType::CommonName, "Hearth");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2120, 1, 1);
    let certificate =
        params.self_signed(&key).map_err(|_| StartError::Key("no certificate could be made of it"))?;
    let signing = any_supported_type(&PrivateKeyDer::Pkcs8(pkcs8))
        .map_err(|_| StartError::Key("TLS does not take it"))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], signing))
}

/// The certificate in the files, if there are any.
pub(crate) fn read(files: Option<&TlsFiles>) -> Result<Option<Arc<CertifiedKey>>, StartError> {
    files.map(|files| certificate_from(files).map(Arc::new)).transpose()
}

fn certificate_from(files: &TlsFiles) -> Result<CertifiedKey, StartError> {
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(&files.certificate, error))?;
    if chain.is_empty() {
        return Err(unusable(&files.certificate, "there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, error))?;
    let signing = any_supported_type(&key).map_err(|error| unusable(&files.key, error))?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|_| unusable(&files.key, "it is not the key of the certificate"))?;
    Ok(certified)
}

fn unusable(path: &Path, problem: impl std::fmt::Display) -> StartError {
    StartError::Certificate { path: PathBuf::from(path), problem: format!("{problem}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity::from_pkcs8(Identity::generate().unwrap()).unwrap()
    }

    fn files(folder: &Path, name: &str) -> TlsFiles {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let files = TlsFiles { certificate: folder.join("chain.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        files
    }

    #[test]
    fn any_host_key_makes_a_certificate_of_that_very_key() {
        let certificates = Certificates::new(&identity(), &["localhost".into(), "192.168.1.4".into()], None);
        assert!(certificates.unwrap().server_config().is_ok());
    }

    #[test]
    fn a_certificate_from_files_is_for_its_names_only() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), "chat.example.org");
        let certified = certificate_from(&files).unwrap();
        assert!(is_for(&certified, "chat.example.org"));
        assert!(!is_for(&certified, "studio.local"));
    }

    #[test]
    fn damaged_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = files(folder.path(), "chat.example.org");
        let other = tempfile::tempdir().unwrap();
        let mixed = TlsFiles { key: files(other.path(), "chat.example.org").key, ..good.clone() };
        assert!(matches!(read(Some(&mixed)), Err(StartError::Certificate { path, .. }) if path == mixed.key));
        assert!(read(Some(&good)).unwrap().is_some());
        std::fs::write(&good.certificate, "nothing").unwrap();
        assert!(read(Some(&good)).is_err());
        assert!(read(None).unwrap().is_none());
    }
}
