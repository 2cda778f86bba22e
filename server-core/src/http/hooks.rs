//! Incoming webhooks: what other programs have to say, as messages of a room.
//!
//! The secret in the path is the whole right, for one room only, and never logged. What comes in is text for people,
//! cut to the length of a message; nothing in it is fetched or run.

mod alerts;
mod form;
#[cfg(test)]
mod fuzzed;
mod github;
mod mrkdwn;
mod slack;
mod text;

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request as HttpRequest};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::post};
use protocol::{ErrorCode, MessageId, Request, Secret};
use uuid::Uuid;

use super::fault::status;
use super::upgrade::speaker;
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
}

/// A refusal as the other side's programs show it: a status and a line.
struct Line(StatusCode, Refusal);

impl IntoResponse for Line {
    fn into_response(self) -> Response {
        let Self(status, refusal) = self;
        let mut response = (status, format!("{}\n", refusal.message)).into_response();
        if let Some(wait) = refusal.retry_after_ms {
            response.headers_mut().insert(header::RETRY_AFTER, wait.div_ceil(1000).into());
        }
        response
    }
}

impl From<Refusal> for Line {
    fn from(refusal: Refusal) -> Self {
        Self(status(refusal.code), refusal)
    }
}

type Said = Result<(StatusCode, &'static str), Line>;

/// What somebody who knows a hook's secret has sent. Of nobody else a body is taken in.
struct Heard {
    host: Arc<Host>,
    hook: hooks::Row,
    headers: HeaderMap,
    body: Bytes,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The JSON in the body, which may come in a form.
    fn json(&self) -> Option<serde_json::Value> {
        match self.is_form() {
            true => serde_json::from_str(&form::payload(&self.body)?).ok(),
            false => serde_json::from_slice(&self.body).ok(),
        }
    }

    fn is_form(&self) -> bool {
        let kind = self.header(header::CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }
}

impl FromRequest<Arc<Host>> for Heard {
    type Rejection = Line;

    async fn from_request(request: HttpRequest, host: &Arc<Host>) -> Result<Self, Line> {
        let (mut parts, body) = request.into_parts();
        // What is no text can be no secret either, and hears the same.
        let path = Path::<String>::from_request_parts(&mut parts, host).await;
        let secret = path.map(|Path(secret)| secret).unwrap_or_default();
        let Some(accepted) = parts.extensions.get::<Accepted>() else {
            return Err(Refusal::internal().into());
        };
        let hook = known(host, accepted, &parts.headers, secret).await?;
        let most = host.limits().hook_bytes;
        let body = to_bytes(body, most).await.map_err(|_| {
            let refusal =
                Refusal::field("the body", format!("is broken off, or too long: at most {most} bytes"));
            Line(StatusCode::PAYLOAD_TOO_LARGE, refusal)
        })?;
        Ok(Self { host: Arc::clone(host), hook, headers: parts.headers, body })
    }
}

async fn take_slack(heard: Heard) -> Said {
    let payload = heard.json().ok_or_else(|| unreadable("a Slack message"))?;
    let text = slack::read(payload).ok_or_else(|| unreadable("a Slack message"))?;
    say(&heard, text).await
}

async fn take_github(heard: Heard) -> Said {
    if !github::is_signed(&heard.hook.signing_key, heard.header("x-hub-signature-256"), &heard.body) {
        return Err(Refusal::forbidden("the signature is wrong; give GitHub the hook's signing key").into());
    }
    let payload = heard.json().ok_or_else(|| unreadable("an event of GitHub"))?;
    match github::read(heard.header("x-github-event"), &payload) {
        Some(text) => say(&heard, text).await,
        None => Ok((StatusCode::OK, "nothing to say of this\n")),
    }
}

async fn take_alerts(heard: Heard) -> Said {
    let payload = heard.json().ok_or_else(|| unreadable("alerts in JSON"))?;
    say(&heard, alerts::read(&payload)).await
}

/// The hook of this secret, if it may speak now.
async fn known(
    host: &Arc<Host>,
    accepted: &Accepted,
    headers: &HeaderMap,
    secret: String,
) -> Result<hooks::Row, Line> {
    let hash = token::hash(&Secret(secret));
    let hook = host.read(move |conn| Ok(hooks::by_token(conn, &hash)?)).await?;
    let Some(hook) = hook else {
        // Guessing 256 bits is hopeless; trying is still counted.
        host.attempt_from(speaker(host, accepted, headers))?;
        return Err(Refusal::not_found("hook").into());
    };
    host.program_speaks(hook.member, Instant::now())?;
    Ok(hook)
}

async fn say(heard: &Heard, text: String) -> Said {
    let Heard { host, hook, .. } = heard;
    let text =
        text::fit(text, host.limits().text_bytes).ok_or_else(|| unreadable("a message with a text"))?;
    let message = MessageId(Uuid::now_v7());
    let request = Request::post(hook.room, message, text.into());
    behalf::ask(host, (hook.member, Pass::Hook(hook.id)), request).await?;
    Ok((StatusCode::OK, "ok"))
}

fn unreadable(expected: &str) -> Line {
    Refusal::new(ErrorCode::BadFrame, format!("this is not {expected}")).into()
}
