//! Incoming webhooks: what other programs have to say, as messages of a room.
//!
//! The secret in the path is the whole right, for one room only, and never logged. What comes in is text for people,
//! cut to the length of a message; nothing in it is fetched or run.

mod alerts;
#[cfg(test)]
mod fuzzed;
mod github;
mod slack;
mod text;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::post};
use protocol::{MessageId, Request, Secret};
use uuid::Uuid;

use super::fault::status;
use super::upgrade::speaker;
use crate::config::HOOK_BYTES;
use crate::error::Refusal;
use crate::handler::behalf;
use crate::handler::pass::Pass;
use crate::host::Host;
use crate::listener::Accepted;
use crate::store::table::hooks;
use crate::token;

/// The paths of hooks.
pub(super) fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/hooks/{secret}", post(take_slack))
        .route("/hooks/{secret}/slack", post(take_slack))
        .route("/hooks/{secret}/github", post(take_github))
        .route("/hooks/{secret}/grafana", post(take_alerts))
        .route("/hooks/{secret}/alertmanager", post(take_alerts))
        .layer(DefaultBodyLimit::max(HOOK_BYTES))
}

/// A refusal as the other side's programs show it: a status and a line.
struct Line(Refusal);

impl IntoResponse for Line {
    fn into_response(self) -> Response {
        let mut response = (status(self.0.code), format!("{}\n", self.0.message)).into_response();
        if let Some(wait) = self.0.retry_after_ms {
            response.headers_mut().insert(header::RETRY_AFTER, wait.div_ceil(1000).into());
        }
        response
    }
}

impl From<Refusal> for Line {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

type Said = Result<(StatusCode, &'static str), Line>;

async fn take_slack(
    State(host): State<Arc<Host>>,
    Extension(accepted): Extension<Accepted>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Said {
    let hook = known(&host, &accepted, &headers, secret, body.len()).await?;
    let form = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let text = slack::read(&body, form).ok_or_else(|| unreadable("a Slack message"))?;
    say(&host, hook, text).await
}

async fn take_github(
    State(host): State<Arc<Host>>,
    Extension(accepted): Extension<Accepted>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Said {
    let hook = known(&host, &accepted, &headers, secret, body.len()).await?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !github::is_signed(&hook.signing_key, header("x-hub-signature-256"), &body) {
        return Err(Refusal::forbidden("the signature is wrong; give GitHub the hook's signing key").into());
    }
    let payload = serde_json::from_slice(&body).map_err(|_| unreadable("a JSON event of GitHub"))?;
    match github::read(header("x-github-event"), &payload) {
        Some(text) => say(&host, hook, text).await,
        None => Ok((StatusCode::OK, "nothing to say of this\n")),
    }
}

async fn take_alerts(
    State(host): State<Arc<Host>>,
    Extension(accepted): Extension<Accepted>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Said {
    let hook = known(&host, &accepted, &headers, secret, body.len()).await?;
    let payload = serde_json::from_slice(&body).map_err(|_| unreadable("alerts in JSON"))?;
    say(&host, hook, alerts::read(&payload)).await
}

/// The hook of this secret, if it may speak now.
async fn known(
    host: &Arc<Host>,
    accepted: &Accepted,
    headers: &HeaderMap,
    secret: String,
    bytes: usize,
) -> Result<hooks::Row, Line> {
    let hash = token::hash(&Secret(secret));
    let hook = host.read(move |conn| Ok(hooks::by_token(conn, &hash)?)).await?;
    let Some(hook) = hook else {
        // Guessing 256 bits is hopeless; trying is still counted.
        host.attempt_from(speaker(host, accepted, headers))?;
        return Err(Refusal::not_found("hook").into());
    };
    host.program_speaks(hook.member, Instant::now())?;
    let most = host.limits().hook_bytes;
    if bytes > most {
        return Err(Refusal::field("the body", format!("is too long: at most {most} bytes")).into());
    }
    Ok(hook)
}

async fn say(host: &Arc<Host>, hook: hooks::Row, text: String) -> Said {
    let text =
        text::fit(text, host.limits().text_bytes).ok_or_else(|| unreadable("a message with a text"))?;
    let message = MessageId(Uuid::now_v7());
    let request = Request::post(hook.room, message, text.into());
    behalf::ask(host, (hook.member, Pass::Hook(hook.id)), request).await?;
    Ok((StatusCode::OK, "ok"))
}

fn unreadable(expected: &str) -> Line {
    Refusal::new(protocol::ErrorCode::BadFrame, format!("this is not {expected}")).into()
}
