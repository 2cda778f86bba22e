//! `/echo`, in test builds only: says back what it hears, by the very reader, queue and socket that a member has, so that
//! conformance suites can ask them anything. It knows no member, no room and no limit that is worth having.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::dress;
use super::reader::Reader;
use super::wire::Line;
use crate::host::Host;
use crate::hub::outlet::Next;
use crate::listener::{Accepted, Socket};

/// Large enough for every case of Autobahn's.
const MOST: usize = 17 * 1024 * 1024;

/// For a peer to end what it has ended.
const PATIENCE: Duration = Duration::from_secs(5);

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

/// Answers the handshake and echoes until the end.
pub(crate) async fn upgrade(State(host): State<Arc<Host>>, mut request: Request) -> Response {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let accepted = request.extensions_mut().remove::<Accepted>();
    let response = create_response_with_body(&request, Body::empty);
    let (Some(upgrade), Some(accepted), Ok(response)) = (upgrade, accepted, response) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    accepted.tracker.clone().spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<Socket>>() else { return };
        let io = (parts.io.into_inner(), parts.read_buf.to_vec());
        let (line, reader) = dress(&host, io);
        tokio::select! {
            () = host.stop.cancelled() => {}
            () = echo(line, reader) => {}
        }
        drop(accepted.place);
    });
    response
}

async fn echo(mut line: Line, mut reader: Reader) {
    let outlet = Arc::clone(&line.outlet);
    loop {
        tokio::select! {
            biased;
            next = outlet.next() => match next {
                Next::Write => if line.write_out().await.is_err() { return },
                Next::Close(_) => return,
            },
            message = poll_fn(|cx| reader.poll_next(cx, &mut line, MOST)), if outlet.has_room() => match message {
                Some(Ok(Message::Text(text))) => outlet.say(&frame(TEXT, text.as_bytes())),
                Some(Ok(Message::Binary(bytes))) => outlet.say(&frame(BINARY, &bytes)),
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    outlet.say(&frame(CLOSE, &[&code(&error).to_be_bytes()[..], b"the echo ends here"].concat()));
                    return line.part(PATIENCE).await;
                }
                None => {
                    return line.part(PATIENCE).await;
                }
            },
        }
    }
}

/// RFC 6455, 7.4.1.
fn code(error: &Error) -> u16 {
    match error {
        Error::Utf8(_) => 1007,
        Error::Capacity(_) => 1009,
        _ => 1002,
    }
}

fn frame(first: u8, payload: &[u8]) -> Bytes {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(u8::try_from(length).expect("at most 125")),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(length).expect("at most 65535").to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame.into()
}
