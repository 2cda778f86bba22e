//! The web UI, built in. Every path that is no file is the page itself, which finds its own way.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, Uri, header};
use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "../ui/dist"]
struct Files;

/// Scripts only from here, nothing embedded, no plug-ins, sockets only to where the page came from. Styles may be
/// inline: positions of menus are.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; font-src 'self'; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; \
    worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const NOT_BUILT: &str =
    "this host was built without its web page; use the app, or build the page and the host again\n";

/// A file of the UI, or its page.
pub(super) fn page(uri: &Uri) -> Response<Body> {
    let path = uri.path().trim_start_matches('/');
    match Files::get(path) {
        Some(file) if !path.is_empty() => answer(&file, content_type(path), is_hashed(path)),
        // A missing file of the UI is missing; anything else is a place inside the page.
        _ if path.starts_with("assets/") => plain(StatusCode::NOT_FOUND, "there is no such file\n"),
        _ => match Files::get("index.html") {
            Some(file) => answer(&file, "text/html; charset=utf-8", false),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT),
        },
    }
}

fn answer(file: &EmbeddedFile, kind: &'static str, hashed: bool) -> Response<Body> {
    let mut response = Response::new(Body::from(file.data.to_vec()));
    let caching = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    guard(&mut response);
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    guard(&mut response);
    response
}

fn guard(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}

/// Whether a file's name changes with its content: the build puts such files into `assets`.
fn is_hashed(path: &str) -> bool {
    path.starts_with("assets/")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_forbids_guessing_and_inline_scripts() {
        for path in ["/", "/join/abc", "/assets/none.js"] {
            let response = page(&path.parse().unwrap());
            assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            let scripts = policy.split(';').find(|part| part.trim().starts_with("script-src")).unwrap();
            assert_eq!(scripts.trim(), "script-src 'self'");
        }
    }

    #[test]
    fn a_missing_file_is_missing() {
        for path in ["/assets/none.js", "/assets/../../Cargo.toml"] {
            assert_eq!(page(&path.parse().unwrap()).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
