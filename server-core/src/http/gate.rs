//! Who may speak to this port: `Host` against DNS rebinding, `Origin` against other sites' pages.
//!
//! Loopback is no border: any page in a browser on this computer can reach it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::fault::refuse;
use super::trail::RequestId;
use crate::error::Refusal;
use crate::host::Host;
use crate::public_name::PublicName;

/// Refuses requests that were not meant for this host.
pub(crate) async fn check_host(
    State(host): State<Arc<Host>>,
    Extension(id): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    if authority(request.headers())
        .is_some_and(|authority| is_ours(authority, &host.live.load().public_names))
    {
        return next.run(request).await;
    }
    let refusal =
        "this host is not known by that name; use its address, or add the name to listen.public_names";
    refuse(StatusCode::MISDIRECTED_REQUEST, &Refusal::forbidden(refusal), id)
}

/// Whom the request was meant for: its one `Host` header.
pub(crate) fn authority(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::HOST).iter();
    let authority = all.next()?.to_str().ok()?;
    if all.next().is_some() || authority.is_empty() { None } else { Some(authority) }
}

/// Whether a page that opened this socket came from this host itself. Programs send no `Origin`.
pub(crate) fn is_own_origin(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => {
            let Some((scheme, theirs)) = origin.to_str().ok().and_then(|origin| origin.split_once("://"))
            else {
                return false;
            };
            // The host can't see whether a proxy has spoken TLS: a missing port is that of the origin's scheme.
            let usual = match scheme.to_ascii_lowercase().as_str() {
                "https" => 443,
                "http" => 80,
                _ => return false,
            };
            authority(headers).is_some_and(|ours| with_port(ours, usual) == with_port(theirs, usual))
        }
        _ => false,
    }
}

/// Name in lower case, and port.
fn with_port(authority: &str, default: u16) -> (String, u16) {
    let (name, port) = split(authority);
    (name.to_ascii_lowercase(), port.and_then(|port| port.parse().ok()).unwrap_or(default))
}

fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => {
            (&authority[..colon], Some(&authority[colon + 1..]))
        }
        _ => (authority, None),
    }
}

/// Whether a name can't be one that another site has pointed here.
fn is_ours(authority: &str, public_names: &[PublicName]) -> bool {
    let name = split(authority).0.trim_end_matches('.').to_ascii_lowercase();
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
    literal.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || (name.ends_with(".local") && name.len() > ".local".len())
        || public_names.iter().any(|public| public.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn addresses_and_local_names_are_ours_and_foreign_names_are_not() {
        let public = ["chat.example.org:8443".parse().unwrap()];
        for ours in [
            "127.0.0.1",
            "127.0.0.1:7717",
            "[::1]:7717",
            "[fd00::1]",
            "192.168.1.4:7717",
            "localhost:7717",
            "LOCALHOST",
            "studio.local:7717",
            "studio.local.",
            "chat.example.org",
            "Chat.Example.org:443",
        ] {
            assert!(is_ours(ours, &public), "{ours}");
        }
        for foreign in [
            "evil.example",
            "evil.example:7717",
            "127.0.0.1.evil.example",
            ".local",
            "local",
            "chat.example.org.evil",
        ] {
            assert!(!is_ours(foreign, &public), "{foreign}");
        }
    }

    #[test]
    fn only_the_hosts_own_pages_open_sockets() {
        for (host, origin) in [
            ("127.0.0.1:7717", "http://127.0.0.1:7717"),
            ("studio.local:7717", "https://Studio.local:7717"),
            ("chat.example.org", "https://chat.example.org"),
            ("chat.example.org", "https://chat.example.org:443"),
        ] {
            assert!(is_own_origin(&headers(host, Some(origin))), "{origin}");
        }
        for (host, origin) in [
            ("127.0.0.1:7717", "http://127.0.0.1:8080"),
            ("127.0.0.1:7717", "http://localhost:7717"),
            ("127.0.0.1:7717", "https://evil.example"),
            ("127.0.0.1:7717", "null"),
            ("127.0.0.1:7717", "file://"),
            ("chat.example.org", "https://chat.example.org.evil"),
            ("chat.example.org", "https://chat.example.org:8443"),
            ("chat.example.org", "http://chat.example.org:443"),
            ("chat.example.org:8443", "https://chat.example.org"),
        ] {
            assert!(!is_own_origin(&headers(host, Some(origin))), "{origin}");
        }
        assert!(is_own_origin(&headers("127.0.0.1:7717", None)));
    }

    #[test]
    fn a_request_for_two_hosts_is_for_none() {
        let mut two = headers("127.0.0.1", None);
        two.append(header::HOST, "evil.example".parse().unwrap());
        assert_eq!(authority(&two), None);
        assert_eq!(authority(&HeaderMap::new()), None);
    }
}
