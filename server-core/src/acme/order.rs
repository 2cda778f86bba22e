//! One order, from the account to the certificate.
//!
//! Says in words what the authority objects to; keeps nothing of a failed order but the account.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use instant_acme::{
    Account, AccountCredentials, AuthorizationHandle, AuthorizationStatus, ChallengeType, Error,
    ExternalAccountKey, Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use zeroize::Zeroizing;

use super::challenges::Files;
use super::web::Web;
use super::write;
use crate::config::{Acme, AcmeChallenge};
use crate::error::Refusal;
use crate::host::Host;
use crate::store::now;
use crate::store::table::certificates;
use crate::tls::Certificates;

/// An authority's looking takes seconds, at a busy one minutes.
const LOOKING: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.5)
    .timeout(Duration::from_secs(300));

/// The authority does not know the account any more (RFC 8555, 6.7).
const UNKNOWN_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderFailed {
    #[error("the authority: {0}")]
    Authority(#[from] Error),
    #[error("the authority does not accept `{name}`: {reason}")]
    Name { name: String, reason: String },
    #[error("the authority does not check `{name}` by {asked}")]
    NoSuchCheck { name: String, asked: &'static str },
    #[error("{address} can't be listened on for the authority's look: {source}")]
    Files { address: std::net::SocketAddr, source: std::io::Error },
    #[error("no certificate for the authority's look could be made: {0}")]
    Challenge(#[from] rcgen::Error),
    #[error("acme.external_account_key is no base64")]
    ExternalKey,
    #[error("the vault: {0}")]
    Vault(#[from] Refusal),
}

/// Orders a certificate for the names of `acme`.
pub(super) async fn place(
    host: &Arc<Host>,
    certificates: &Certificates,
    acme: &Acme,
) -> Result<certificates::Row, OrderFailed> {
    let account = account(host, acme).await?;
    let identifiers = acme.names.iter().cloned().map(Identifier::Dns).collect::<Vec<_>>();
    let mut wanted = NewOrder::new(&identifiers);
    if let Some(profile) = &acme.profile {
        wanted = wanted.profile(profile);
    }
    let mut order = match account.new_order(&wanted).await {
        Err(error) if is_unknown_account(&error) => {
            forget(host, acme).await?;
            return Err(error.into());
        }
        order => order?,
    };
    // Served until the authority has looked.
    let files = match acme.challenge {
        AcmeChallenge::TlsAlpn => None,
        AcmeChallenge::Http(address) => {
            let files = Files::serve(address).await;
            Some(files.map_err(|source| OrderFailed::Files { address, source })?)
        }
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        answer(authorization?, certificates, files.as_ref()).await?;
    }
    match order.poll_ready(&LOOKING).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(objection(&mut order, Error::Str("a reason")).await),
        Err(error) => return Err(objection(&mut order, error).await),
    }
    let private_key = Zeroizing::new(order.finalize().await?);
    let chain = order.poll_certificate(&LOOKING).await?;
    Ok(certificates::Row { chain, private_key })
}

async fn answer(
    mut authorization: AuthorizationHandle<'_>,
    certificates: &Certificates,
    files: Option<&Files>,
) -> Result<(), OrderFailed> {
    if authorization.status == AuthorizationStatus::Valid {
        return Ok(());
    }
    let name = authorization.identifier().to_string();
    let (kind, asked) = match files {
        Some(_) => (ChallengeType::Http01, "http-01"),
        None => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
    };
    let Some(mut challenge) = authorization.challenge(kind) else {
        return Err(OrderFailed::NoSuchCheck { name, asked });
    };
    let proof = challenge.key_authorization();
    match files {
        Some(files) => files.put(&challenge.token, proof.as_str()),
        None => certificates.challenges.put(&name, proof.digest().as_ref())?,
    }
    Ok(challenge.set_ready().await?)
}

/// What the authority objects to, in its own words, and to which name; else what is known of the order.
async fn objection(order: &mut Order, known: Error) -> OrderFailed {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        // What was read first was how it stood before the look.
        let _ = authorization.refresh().await;
        let problem = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            let reason = problem.to_string();
            return OrderFailed::Name { name: authorization.identifier().to_string(), reason };
        }
    }
    known.into()
}

/// The host's account with the authority, made if this is the first order.
async fn account(host: &Arc<Host>, acme: &Acme) -> Result<Account, OrderFailed> {
    let web = || Box::new(Web(host.live.load().outgoing.clone()));
    let directory = acme.directory.clone();
    let known = host.read(move |conn| Ok(certificates::account(conn, &directory)?)).await?;
    if let Some(known) = known {
        let known = serde_json::from_str::<AccountCredentials>(&known).map_err(Error::from)?;
        return Ok(Account::builder_with_http(web()).from_credentials(known).await?);
    }
    let contact = acme.contact.as_ref().map(|contact| format!("mailto:{contact}"));
    let contact = contact.as_deref().into_iter().collect::<Vec<_>>();
    let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let external = acme.external_account.as_ref().map(external_key).transpose()?;
    let made =
        Account::builder_with_http(web()).create(&wanted, acme.directory.clone(), external.as_ref()).await;
    let (account, credentials) = made?;
    let credentials = Zeroizing::new(serde_json::to_string(&credentials).map_err(Error::from)?);
    let directory = acme.directory.clone();
    write(host, move |conn| Ok(certificates::set_account(conn, &directory, &credentials, now())?)).await?;
    Ok(account)
}

fn external_key(external: &crate::config::ExternalAccount) -> Result<ExternalAccountKey, OrderFailed> {
    let text = external.key.trim();
    let key = URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text));
    let key = Zeroizing::new(key.map_err(|_| OrderFailed::ExternalKey)?);
    Ok(ExternalAccountKey::new(external.id.clone(), &key))
}

fn is_unknown_account(error: &Error) -> bool {
    matches!(error, Error::Api(problem) if problem.r#type.as_deref() == Some(UNKNOWN_ACCOUNT))
}

/// The next order makes a new account.
async fn forget(host: &Arc<Host>, acme: &Acme) -> Result<(), Refusal> {
    let directory = acme.directory.clone();
    write(host, move |conn| Ok(certificates::forget_account(conn, &directory)?)).await
}
