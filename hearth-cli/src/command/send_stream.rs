//! `send-stream`: each line of standard input is a message; each acknowledgement is a line of JSON. For drills, which
//! compare what was acknowledged with what is there.

use std::collections::HashMap;
use std::time::Duration;

use client_core::{Client, ClientEvent, ConnectionState, Delivery, TimelineDiff, TimelineItem};
use protocol::MessageId;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::time::{Instant, sleep_until};

use super::one_room_now;
use crate::failure::Failure;
use crate::output;

/// Most lines on their way at once: reading goes on when some have arrived.
const ON_THEIR_WAY: usize = 256;

struct Stream<'a> {
    client: &'a Client,
    waiting: HashMap<String, (u64, MessageId)>,
    refused: u64,
}

pub(super) async fn send_stream(client: &Client, within: Duration, room: &str) -> Result<(), Failure> {
    let room = one_room_now(client, room, within).await?;
    let mut events = client.subscribe();
    let mut lines: Option<Lines<BufReader<Stdin>>> = Some(BufReader::new(tokio::io::stdin()).lines());
    let mut stream = Stream { client, waiting: HashMap::new(), refused: 0 };
    let mut number = 0u64;
    let mut progress = Instant::now();
    while lines.is_some() || !stream.waiting.is_empty() {
        let reading = lines.is_some() && stream.waiting.len() < ON_THEIR_WAY;
        let line = async {
            match lines.as_mut() {
                Some(lines) => lines.next_line().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            line = line, if reading => match line? {
                None => lines = None,
                Some(line) => {
                    number += 1;
                    let message = client.send(room.id, line).await?;
                    stream.waiting.insert(message.to_string(), (number, message));
                    progress = Instant::now();
                }
            },
            event = events.next() => {
                if stream.take(event).await? {
                    progress = Instant::now();
                }
            }
            () = sleep_until(progress + within), if !stream.waiting.is_empty() => {
                let waiting = stream.waiting.len();
                return Err(Failure::Failed(format!(
                    "{waiting} messages are not acknowledged within {} s; they wait in the outbox", within.as_secs()
                )));
            }
        }
    }
    match stream.refused {
        0 => Ok(()),
        refused => Err(Failure::Failed(format!("the host refused {refused} messages; see the lines above"))),
    }
}

impl Stream<'_> {
    /// Takes one event; whether a line arrived.
    async fn take(&mut self, event: Option<ClientEvent>) -> Result<bool, Failure> {
        match event {
            Some(ClientEvent::Timeline { diff: TimelineDiff::Put(item), .. }) => self.settle(&item),
            Some(ClientEvent::Timeline { diff: TimelineDiff::Reset, .. } | ClientEvent::Lagged) => {
                let mut settled = false;
                for (_, message) in self.waiting.clone().into_values() {
                    if let Some(item) = self.client.message(message).await? {
                        settled |= self.settle(&item)?;
                    }
                }
                Ok(settled)
            }
            Some(ClientEvent::State(ConnectionState::Stopped { reason })) => {
                Err(Failure::Failed(format!("{reason}; {} messages wait in the outbox", self.waiting.len())))
            }
            Some(_) => Ok(false),
            None => Err(Failure::Failed("the connection was closed".to_owned())),
        }
    }

    fn settle(&mut self, item: &TimelineItem) -> Result<bool, Failure> {
        let Some((line, message)) = self.waiting.get(&item.key).copied() else {
            return Ok(false);
        };
        match (&item.seq, &item.delivery) {
            (Some(seq), _) => output::json(&json!({ "line": line, "message": message, "seq": seq }))?,
            (None, Delivery::Failed { message: error, .. }) => {
                self.refused += 1;
                output::json(&json!({ "line": line, "message": message, "error": error }))?;
            }
            (None, _) => return Ok(false),
        }
        self.waiting.remove(&item.key);
        Ok(true)
    }
}
