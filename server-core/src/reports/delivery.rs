//! One signed request to another program, bounded in time; only the status of the answer is read.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use protocol::UnixMillis;
use ring::hmac;
use tokio::time::timeout;

use crate::outgoing::{Outgoing, Reach, Target, Undelivered};

/// For the whole of a request.
const PATIENCE: Duration = Duration::from_secs(15);

/// Carries the time and the signature.
const SIGNATURE: &str = "x-hearth-signature";

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
pub(super) async fn post(
    outgoing: &Outgoing,
    (url, key): (&str, &str),
    body: Vec<u8>,
    at: UnixMillis,
) -> Result<(), Undelivered> {
    let target = Target::read(url).ok_or(Undelivered::Address)?;
    let request = Request::post(target.path())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("hearth-server/", env!("CARGO_PKG_VERSION")))
        .header(SIGNATURE, signature(key, at, &body))
        .body(Body::from(body))
        .map_err(|_| Undelivered::Address)?;
    let answered = timeout(PATIENCE, Box::pin(outgoing.send(&target, Reach::Guarded, request))).await;
    let status = answered.map_err(|_| Undelivered::Silence)??.response.status();
    if status.is_success() { Ok(()) } else { Err(Undelivered::Status(status.as_u16())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_its_time_and_body() {
        let signed = signature("key", UnixMillis(1), b"{}");
        assert!(signed.starts_with("t=1,v1=") && signed.len() == 7 + 64);
        assert_ne!(signed[7..], signature("key", UnixMillis(2), b"{}")[7..]);
        assert_ne!(signed, signature("key", UnixMillis(1), b"{ }"));
        assert_ne!(signed, signature("other", UnixMillis(1), b"{}"));
    }
}
