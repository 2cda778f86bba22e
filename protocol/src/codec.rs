//! Text in, frame out. Sizes are checked before anything is parsed; errors never quote what was received.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::client_frame::ClientFrame;
use crate::limits::{CLIENT_FRAME_BYTES, SERVER_FRAME_BYTES};
use crate::server_frame::ServerFrame;

/// Why a text is no frame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Over the limit of its direction.
    #[error("the frame has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// What came.
        size: usize,
        /// What may come.
        limit: usize,
    },
    /// Not JSON, of no known type, or a field missing or of the wrong type.
    #[error("not a frame of this protocol, near column {column}")]
    Malformed {
        /// The request's number, if that much could be read.
        req: Option<u32>,
        /// Where reading stopped.
        column: usize,
    },
}

/// Reads what a client said.
///
/// # Errors
/// [`DecodeError`] when it is too large or malformed.
pub fn decode_client(text: &str) -> Result<ClientFrame, DecodeError> {
    decode(text, CLIENT_FRAME_BYTES)
}

/// Reads what a host said.
///
/// # Errors
/// [`DecodeError`] when it is too large or malformed.
pub fn decode_server(text: &str) -> Result<ServerFrame, DecodeError> {
    decode(text, SERVER_FRAME_BYTES)
}

/// Writes a frame. Frames hold strings, numbers and lists only, so this can't fail.
#[must_use]
pub fn encode<F: Serialize>(frame: &F) -> String {
    serde_json::to_string(frame).expect("frames have string keys and no failing serialiser")
}

fn decode<F: DeserializeOwned>(text: &str, limit: usize) -> Result<F, DecodeError> {
    if text.len() > limit {
        return Err(DecodeError::TooLarge { size: text.len(), limit });
    }
    serde_json::from_str(text)
        .map_err(|error| DecodeError::Malformed { req: request_number(text), column: error.column() })
}

/// The request's number of a frame that is otherwise unreadable, so that the refusal can be matched.
fn request_number(text: &str) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Numbered {
        req: u32,
    }
    serde_json::from_str::<Numbered>(text).ok().map(|numbered| numbered.req)
}
