//! Which pages of other sites may speak to this host: none but those the operator has named (CORS, Fetch standard).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::gate::is_own_origin;
use crate::host::Host;

/// What pages of named sites may do.
const METHODS: &str = "GET, POST, PATCH, DELETE";

/// What they may send along.
const HEADERS: &str = "authorization, content-type";

/// For how many seconds a browser may remember the answer to its question beforehand.
const REMEMBERED: &str = "600";

/// Answers a browser's question beforehand, and tells it who may read the answer.
pub(crate) async fn answer(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else { return next.run(request).await };
    let named = is_named(request.headers(), &host.live.load().allowed_origins);
    let asks_beforehand = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (asks_beforehand, named) {
        (true, false) => {
            return (StatusCode::FORBIDDEN, "pages of this site may not speak to this host\n")
                .into_response();
        }
        (true, true) => permission(),
        (false, _) => next.run(request).await,
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    if named {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
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
    named.iter().any(|named| named.trim_end_matches('/').eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_site_is_that_very_origin_and_no_other() {
        let named = ["https://app.example.org/".to_owned()];
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
