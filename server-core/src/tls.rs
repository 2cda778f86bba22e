//! TLS 1.3 by the host's own key: a self-signed certificate made anew at each start.
//!
//! Clients pin the key, not the certificate, so neither its names nor its dates are trusted by anyone.

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::StartError;
use crate::identity::{Identity, sha256};

/// What rustls needs to speak as this host. `names` are put into the certificate for browsers' benefit.
pub(crate) fn server_config(identity: &Identity, names: &[String]) -> Result<Arc<ServerConfig>, StartError> {
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

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| {
            let chain = vec![certificate.der().clone()];
            builder.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::Pkcs8(pkcs8))
        })
        .map_err(|_| StartError::Key("TLS does not take it"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_key_makes_a_certificate_of_that_very_key() {
        let identity = Identity::from_pkcs8(Identity::generate().unwrap()).unwrap();
        assert!(server_config(&identity, &["localhost".into(), "192.168.1.4".into()]).is_ok());
    }
}
