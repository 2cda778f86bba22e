//! Which pages of other sites may speak to this host: none but those the operator has named (CORS, Fetch standard).
//!
//! Never says "everyone", and never lets a page send what the browser keeps for this host.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::fault::Fault;
use super::gate::is_own_origin;
use super::trail::RequestId;
use crate::error::Refusal;
use crate::host::Host;

/// What pages of named sites may do.
const METHODS: &str = "GET, POST, PUT";

/// What they may send along.
const HEADERS: &str = "authorization, content-type";

/// What they may see of an answer besides its body.
const SHOWN: &str = "retry-after, x-request-id";

/// For how many seconds a browser may remember the answer to its question beforehand.
const REMEMBERED: &str = "600";

/// The text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no origin of pages; write it like https://app.example.org, without a path, and each by itself")]
pub struct NotAnOrigin;

/// An origin as browsers say it: scheme and name in lower case, the port only where it is not the scheme's own.
///
/// # Errors
/// If the text is none. `null` and `*` are none: every sandboxed page is the one, everybody the other.
pub fn origin(text: &str) -> Result<String, NotAnOrigin> {
    let url = Url::parse(text.trim()).map_err(|_| NotAnOrigin)?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    let host = url.host_str().filter(|host| !host.is_empty() && !host.contains('*')).ok_or(NotAnOrigin)?;
    if !bare || !nobody {
        return Err(NotAnOrigin);
    }
    // Apps have schemes of their own, which the standard gives no name.
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{}://{}{port}", url.scheme(), host.to_ascii_lowercase()))
}

/// Tells a browser, whatever the answer is, which page may read it; and caches, that it depends on who asks.
pub(super) async fn show(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let origin = origin.filter(|_| is_named(request.headers(), &host.live.load().allowed_origins));
    let mut response = next.run(request).await;
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(SHOWN));
    }
    response
}

/// Answers a browser's question beforehand.
pub(super) async fn answer(
    State(host): State<Arc<Host>>,
    Extension(id): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let asks_beforehand = request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    match asks_beforehand {
        false => next.run(request).await,
        true if is_named(headers, &host.live.load().allowed_origins) => permission(),
        true => {
            let refusal = Refusal::forbidden("pages of this site may not speak to this host");
            Fault(refusal, id).into_response()
        }
    }
}

fn permission() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Whether a page with these headers may open a socket: this host's own, or one of a named site.
pub(crate) fn is_welcome(headers: &HeaderMap, named: &[String]) -> bool {
    is_own_origin(headers) || is_named(headers, named)
}

fn is_named(headers: &HeaderMap, named: &[String]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let Ok(origin) = origin.to_str() else { return false };
    named.iter().any(|named| named.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_browsers_say_it() {
        for (text, said) in [
            ("https://app.example.org", "https://app.example.org"),
            (" HTTPS://App.Example.org/ ", "https://app.example.org"),
            ("https://app.example.org:443", "https://app.example.org"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[::1]:80", "http://[::1]"),
            ("tauri://localhost", "tauri://localhost"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(said), "{text}");
        }
        for text in [
            "",
            "*",
            "null",
            "app.example.org",
            "https://",
            "https://*.example.org",
            "https://app.example.org/path",
            "https://app.example.org?x",
            "https://user@app.example.org",
            "file:///tmp",
            "data:text/html,x",
        ] {
            assert_eq!(origin(text), Err(NotAnOrigin), "{text}");
        }
    }

    #[test]
    fn a_named_site_is_that_very_origin_and_no_other() {
        let named = ["https://app.example.org".to_owned()];
        let from = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            is_named(&headers, &named)
        };
        assert!(from("https://app.example.org"));
        assert!(from("https://APP.example.org"));
        for other in [
            "http://app.example.org",
            "https://app.example.org:8443",
            "https://app.example.org.evil",
            "https://evil.example/https://app.example.org",
            "null",
            "*",
        ] {
            assert!(!from(other), "{other}");
        }
        assert!(!is_named(&HeaderMap::new(), &named));
    }
}
