//! TLS to a host: the pin is on the key, the signature checks are rustls' own.
//!
//! Refuses any certificate whose key is not the expected host's, unless the address is a public name that the web's
//! authorities vouch for; the proof in the welcome decides in every case.

use std::sync::{Arc, Mutex};

use protocol::HostId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

use crate::trust::{Expectation, Voucher, id_of};

/// What the verifier saw: whose key, and what vouches for it.
pub(crate) type Seen = Arc<Mutex<Option<Sighting>>>;

/// The outcome of one look at a certificate.
#[derive(Debug, Clone)]
pub(crate) struct Sighting {
    pub(crate) key: HostId,
    /// `None`: refused.
    pub(crate) voucher: Option<Voucher>,
}

#[derive(Debug)]
struct HostVerifier {
    expectation: Expectation,
    authorities: Option<Verifier>,
    provider: Arc<CryptoProvider>,
    seen: Seen,
}

/// How to talk TLS to whom we expect. `public_name` lets the web's authorities vouch as well.
pub(crate) fn config(expectation: Expectation, public_name: bool) -> Result<(ClientConfig, Seen), Error> {
    let provider = Arc::new(ring::default_provider());
    let authorities = match public_name {
        // Without any authority installed the pin alone decides.
        true => Verifier::new(Arc::clone(&provider)).ok(),
        false => None,
    };
    let seen = Seen::default();
    let verifier =
        HostVerifier { expectation, authorities, provider: Arc::clone(&provider), seen: Arc::clone(&seen) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((config, seen))
}

impl ServerCertVerifier for HostVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = id_of(ParsedCertificate::try_from(certificate)?.subject_public_key_info().as_ref());
        let pinned = match &self.expectation {
            Expectation::Exactly(expected) => *expected == key,
            Expectation::Anyone => true,
        };
        let vouched = || {
            self.authorities.as_ref().is_some_and(|authorities| {
                authorities.verify_server_cert(certificate, intermediates, name, ocsp, now).is_ok()
            })
        };
        let voucher = match self.expectation {
            Expectation::Exactly(_) if pinned => Some(Voucher::Key(key.clone())),
            _ if vouched() => Some(Voucher::Authorities),
            _ if pinned => Some(Voucher::Key(key.clone())),
            _ => None,
        };
        let accepted = voucher.is_some();
        *self.seen.lock().expect("nothing panics while it notes a sighting") =
            Some(Sighting { key, voucher });
        if accepted {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
