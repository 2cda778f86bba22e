//! The HTTP API for bots: rooms, history, posting. `docs/openapi.yaml` describes it.
//!
//! A bot is a member with a token; each request goes through the same handlers and rights as a frame on the socket.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use protocol::limits::{CLIENT_FRAME_BYTES, PAGE_EVENTS};
use protocol::{ErrorCode, MemberId, MessageId, Reply, Request, RoomId, Secret, Seq, Text};
use serde::Deserialize;
use uuid::Uuid;

use super::fault::Fault;
use super::trail::RequestId;
use super::upgrade::speaker;
use crate::error::Refusal;
use crate::handler::behalf;
use crate::handler::pass::{Pass, no_bot};
use crate::host::Host;
use crate::listener::Accepted;
use crate::store::table::bots;
use crate::token;

/// Who asks.
#[derive(Clone, Copy)]
struct Bot(MemberId);

/// The paths of the API.
pub(super) fn routes(host: &Arc<Host>) -> Router<Arc<Host>> {
    Router::new()
        .route("/api/v1/rooms", get(rooms))
        .route("/api/v1/rooms/{room}/events", get(history))
        .route("/api/v1/rooms/{room}/messages", post(say))
        .route("/api/v1/rooms/{room}/messages/{message}", put(edit))
        .layer(DefaultBodyLimit::max(CLIENT_FRAME_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(host), know))
}

/// Lets in whoever has a bot's token, as often as a bot may ask.
async fn know(State(host): State<Arc<Host>>, mut request: HttpRequest, next: Next) -> Response {
    let id = request.extensions().get().copied().unwrap_or(RequestId(Uuid::nil()));
    let accepted = request.extensions().get::<Accepted>().cloned();
    match recognise(&host, request.headers().clone(), accepted).await {
        Ok(member) => {
            request.extensions_mut().insert(Bot(member));
            next.run(request).await
        }
        Err(refusal) => Fault(refusal, id).into_response(),
    }
}

async fn recognise(
    host: &Arc<Host>,
    headers: HeaderMap,
    accepted: Option<Accepted>,
) -> Result<MemberId, Refusal> {
    let hash = bearer(&headers).map(|token| token::hash(&token));
    let member = match hash {
        Some(hash) => host.read(move |conn| Ok(bots::by_token(conn, &hash)?)).await?,
        None => None,
    };
    let Some(member) = member else {
        if let Some(accepted) = accepted {
            host.attempt_from(speaker(host, &accepted, &headers))?;
        }
        return Err(no_bot());
    };
    host.program_speaks(member, Instant::now())?;
    Ok(member)
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret(token.trim().to_owned()))
}

type Answer<T> = Result<T, Fault>;

async fn rooms(
    State(host): State<Arc<Host>>,
    Extension(Bot(bot)): Extension<Bot>,
    Extension(id): Extension<RequestId>,
) -> Answer<Response> {
    match behalf::ask(&host, (bot, Pass::Bot), Request::Rooms).await {
        Ok(Reply::Rooms { rooms, .. }) => Ok(Json(serde_json::json!({ "rooms": rooms })).into_response()),
        Ok(_) => Err(Fault(Refusal::internal(), id)),
        Err(refusal) => Err(Fault(refusal, id)),
    }
}

/// Which page of a log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    before: Option<u64>,
    after: Option<u64>,
    limit: Option<u32>,
}

async fn history(
    State(host): State<Arc<Host>>,
    Extension(Bot(bot)): Extension<Bot>,
    Extension(id): Extension<RequestId>,
    Path(room): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Answer<Response> {
    let room = room_id(&room).map_err(|refusal| Fault(refusal, id))?;
    let Ok(Query(page)) = page else {
        return Err(Fault(Refusal::field("the query", "may say before, after and limit, as numbers"), id));
    };
    let request = Request::History {
        room,
        before: page.before.map(Seq),
        after: page.after.map(Seq),
        limit: page.limit.unwrap_or(PAGE_EVENTS),
    };
    match behalf::ask(&host, (bot, Pass::Bot), request).await {
        Ok(Reply::History(page)) => Ok(Json(page).into_response()),
        Ok(_) => Err(Fault(Refusal::internal(), id)),
        Err(refusal) => Err(Fault(refusal, id)),
    }
}

/// A message to post.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    /// Markdown.
    text: Text,
    /// A fresh UUIDv7; saying the same again with it gets the same answer.
    message: Option<MessageId>,
}

async fn say(
    State(host): State<Arc<Host>>,
    Extension(Bot(bot)): Extension<Bot>,
    Extension(id): Extension<RequestId>,
    Path(room): Path<String>,
    draft: Result<Json<Draft>, JsonRejection>,
) -> Answer<Response> {
    let room = room_id(&room).map_err(|refusal| Fault(refusal, id))?;
    let Json(draft) = draft.map_err(|problem| unread(&problem, "`text`, and `message` if you like", id))?;
    let message = draft.message.unwrap_or_else(|| MessageId(Uuid::now_v7()));
    match behalf::ask(&host, (bot, Pass::Bot), Request::post(room, message, draft.text)).await {
        Ok(Reply::Posted { message, room, seq, at }) => {
            let posted = serde_json::json!({ "message": message, "room": room, "seq": seq, "at": at });
            Ok((StatusCode::CREATED, Json(posted)).into_response())
        }
        Ok(_) => Err(Fault(Refusal::internal(), id)),
        Err(refusal) => Err(Fault(refusal, id)),
    }
}

/// A message's new text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewText {
    /// Markdown.
    text: Text,
}

async fn edit(
    State(host): State<Arc<Host>>,
    Extension(Bot(bot)): Extension<Bot>,
    Extension(id): Extension<RequestId>,
    Path((room, message)): Path<(String, String)>,
    text: Result<Json<NewText>, JsonRejection>,
) -> Answer<StatusCode> {
    let room = room_id(&room).map_err(|refusal| Fault(refusal, id))?;
    let Ok(message) = message.parse::<MessageId>() else {
        return Err(Fault(Refusal::not_found("message"), id));
    };
    let Json(NewText { text }) = text.map_err(|problem| unread(&problem, "the new `text`", id))?;
    match behalf::ask(&host, (bot, Pass::Bot), Request::Edit { room, message, text }).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(refusal) => Err(Fault(refusal, id)),
    }
}

/// A body that is not what it should be. What it was is not said: it may be anything.
fn unread(problem: &JsonRejection, expected: &str, id: RequestId) -> Fault {
    let refusal = match problem.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal::field("the body", format!("is too long: at most {CLIENT_FRAME_BYTES} bytes"))
        }
        _ => Refusal::new(ErrorCode::BadFrame, format!("send application/json with {expected}")),
    };
    Fault(refusal, id)
}

fn room_id(text: &str) -> Result<RoomId, Refusal> {
    text.parse().map_err(|_| Refusal::not_found("room"))
}
