//! `post`: one message, until it is on the host's disk.

use std::io::Read;
use std::time::Duration;

use client_core::{Client, ClientEvent, ConnectionState, Delivery, Subscription, TimelineDiff};
use protocol::{MessageId, Seq};
use serde_json::json;
use tokio::time::timeout;

use super::{one_room_now, second_factor_missing};
use crate::failure::Failure;
use crate::output;

pub(super) async fn post(
    client: &Client,
    within: Duration,
    room: &str,
    text: Option<String>,
    no_wait: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let room = one_room_now(client, room, within).await?;
    let text = match text {
        Some(text) if text != "-" => text,
        _ => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text)?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    let mut events = client.subscribe();
    let message = client.send(room.id, text).await?;
    let seq = if no_wait {
        None
    } else {
        match timeout(within, delivered(client, &mut events, message)).await {
            Ok(delivered) => Some(delivered?),
            Err(_) => {
                return Err(Failure::Failed(
                    "the host did not take the message in time; it waits in the outbox and is delivered by the next \
                     command that is connected"
                        .to_owned(),
                ));
            }
        }
    };
    if as_json { output::json(&json!({ "message": message, "seq": seq })) } else { Ok(()) }
}

/// Waits until the message has its number, or is refused for good.
async fn delivered(client: &Client, events: &mut Subscription, message: MessageId) -> Result<Seq, Failure> {
    loop {
        if let Some(item) = client.message(message).await? {
            match (item.seq, item.delivery) {
                (Some(seq), _) => return Ok(seq),
                (None, Delivery::Failed { message, .. }) => {
                    return Err(Failure::Failed(format!("the host refused the message: {message}")));
                }
                (None, _) => {}
            }
        }
        if client.second_factor_missing() {
            return Err(second_factor_missing());
        }
        if let ConnectionState::Stopped { reason } = &*client.state().borrow() {
            return Err(Failure::Failed(format!("{reason}; the message waits in the outbox")));
        }
        until_news(events, message).await?;
    }
}

async fn until_news(events: &mut Subscription, message: MessageId) -> Result<(), Failure> {
    let key = message.to_string();
    loop {
        match events.next().await {
            Some(ClientEvent::Timeline { diff: TimelineDiff::Put(item), .. }) if item.key == key => {
                return Ok(());
            }
            Some(ClientEvent::Timeline { diff: TimelineDiff::Reset, .. } | ClientEvent::Lagged) => {
                return Ok(());
            }
            Some(ClientEvent::State(ConnectionState::Stopped { .. } | ConnectionState::Live)) => {
                return Ok(());
            }
            Some(_) => {}
            None => return Err(Failure::Failed("the connection was closed".to_owned())),
        }
    }
}
