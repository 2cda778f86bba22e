//! Refusals over HTTP: a status, and the same code and sentence as on the socket.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::ErrorCode;
use serde_json::json;

use super::trail::RequestId;
use crate::error::Refusal;

/// A refusal and the request it is for.
pub(crate) struct Fault(pub(crate) Refusal, pub(crate) RequestId);

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let Self(refusal, id) = self;
        refuse(status(refusal.code), &refusal, id)
    }
}

/// A refusal whose status says more than its code does.
pub(crate) fn refuse(status: StatusCode, refusal: &Refusal, RequestId(id): RequestId) -> Response {
    let error = json!({ "error": { "code": refusal.code, "message": refusal.message, "request_id": id } });
    let mut response = (status, Json(error)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = refusal.retry_after_ms {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.div_ceil(1000)));
    }
    response
}

/// The status that says about the same.
pub(crate) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadFrame | ErrorCode::OutOfBounds => StatusCode::BAD_REQUEST,
        ErrorCode::NotSignedIn | ErrorCode::SessionEnded | ErrorCode::WrongCredentials => {
            StatusCode::UNAUTHORIZED
        }
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::MessageIdReused | ErrorCode::NameTaken => StatusCode::CONFLICT,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::ReadOnly | ErrorCode::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}
