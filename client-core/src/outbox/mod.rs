//! What this installation has still to deliver.
//!
//! A message is in the vault before it is on the network, keeps its id for every try, leaves in order per room, and ends
//! in exactly one of two ways: acknowledged, or refused for good with the reason kept for its writer.

pub(crate) mod item;

use protocol::limits::check_text;
use protocol::{MessageId, RoomId, Text, UnixMillis};
use uuid::Builder;

use crate::client::Client;
use crate::connection::now_ms;
use crate::error::SendError;
use crate::store::table::{outbox, rooms};
use crate::timeline::TimelineDiff;
use item::Unsent;

/// Most messages that wait for one host: days of a busy person without a network.
pub(crate) const OUTBOX_MESSAGES: u64 = 10_000;

enum Queued {
    Yes,
    UnknownRoom,
    Full(u64),
}

impl Client {
    /// Puts a message into the outbox and echoes it into the timeline. Resolves once it is on this computer's disk;
    /// what becomes of it later is told by [`ClientEvent::Timeline`](crate::ClientEvent::Timeline).
    ///
    /// # Errors
    /// When the text is out of its limits, the room unknown, or the outbox full or not writable.
    pub async fn send(&self, room: RoomId, text: impl Into<String>) -> Result<MessageId, SendError> {
        let text = text.into();
        check_text(&text)?;
        let queued_at = UnixMillis(now_ms());
        let message = new_message(queued_at)?;
        let unsent = Unsent { room, message, text: Text(text), queued_at, refusal: None };
        let shared = self.shared();
        let (echo, announcer) = (unsent.clone(), shared.announcer());
        let queued = shared.store.write_and_announce(
            move |connection, host| queue(connection, host, &unsent),
            move |queued| {
                if matches!(queued, Queued::Yes) {
                    announcer.timeline(room, |me| TimelineDiff::Put(echo.line(me)));
                }
            },
        );
        match queued.await? {
            Queued::Yes => {
                shared.outbox.notify_one();
                Ok(message)
            }
            Queued::UnknownRoom => Err(SendError::UnknownRoom),
            Queued::Full(waiting) => Err(SendError::OutboxFull { waiting }),
        }
    }

    /// Tries a message again that was refused for good.
    ///
    /// # Errors
    /// [`SendError::NotWaiting`] if it is not in the outbox any more.
    pub async fn retry(&self, message: MessageId) -> Result<(), SendError> {
        let shared = self.shared();
        let announcer = shared.announcer();
        let waiting = shared.store.write_and_announce(
            move |connection, host| {
                outbox::mark(connection, host, message, None)?;
                outbox::find(connection, host, message)
            },
            move |unsent| {
                if let Some(unsent) = unsent.clone() {
                    announcer.timeline(unsent.room, |me| TimelineDiff::Put(unsent.line(me)));
                }
            },
        );
        waiting.await?.ok_or(SendError::NotWaiting)?;
        shared.outbox.notify_one();
        Ok(())
    }

    /// Gives up a message that is not delivered yet. One that is under way at this moment may arrive all the same.
    ///
    /// # Errors
    /// [`SendError::NotWaiting`] if it is not in the outbox any more.
    pub async fn discard(&self, message: MessageId) -> Result<(), SendError> {
        let shared = self.shared();
        let announcer = shared.announcer();
        let discarded = shared.store.write_and_announce(
            move |connection, host| {
                let unsent = outbox::find(connection, host, message)?;
                outbox::remove(connection, host, message)?;
                Ok(unsent.map(|unsent| unsent.room))
            },
            move |room| {
                if let Some(room) = *room {
                    announcer.timeline(room, |_| TimelineDiff::Remove(message.to_string()));
                }
            },
        );
        discarded.await?.map(|_| ()).ok_or(SendError::NotWaiting)
    }

    /// How many messages wait, refused ones included.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn unsent(&self) -> Result<u64, SendError> {
        Ok(self.shared().store.read(outbox::count).await?)
    }
}

fn queue(connection: &rusqlite::Connection, host: i64, unsent: &Unsent) -> rusqlite::Result<Queued> {
    if rooms::find(connection, host, unsent.room)?.is_none() {
        return Ok(Queued::UnknownRoom);
    }
    let waiting = outbox::count(connection, host)?;
    if waiting >= OUTBOX_MESSAGES {
        return Ok(Queued::Full(waiting));
    }
    outbox::put(connection, host, unsent)?;
    Ok(Queued::Yes)
}

/// A fresh UUIDv7 (RFC 9562, 5.7).
fn new_message(at: UnixMillis) -> Result<MessageId, SendError> {
    let mut random = [0u8; 10];
    getrandom::fill(&mut random).map_err(|_| SendError::Randomness)?;
    let millis = u64::try_from(at.0).unwrap_or_default();
    Ok(MessageId(Builder::from_unix_timestamp_millis(millis, &random).into_uuid()))
}
