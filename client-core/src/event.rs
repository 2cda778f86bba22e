//! What a client tells whoever listens. Bounded: a listener too slow for it is told so and reloads.

use protocol::{Member, MemberId, RoomId};
use tokio::sync::broadcast;

use crate::connection::state::ConnectionState;
use crate::store::RoomSummary;
use crate::timeline::TimelineDiff;

/// How many events wait for a slow listener before the oldest are dropped and it hears [`ClientEvent::Lagged`].
pub(crate) const BACKLOG: usize = 1024;

/// Something changed.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientEvent {
    /// The connection is in another state.
    State(ConnectionState),
    /// My rooms as they are now, in the order of their names.
    Rooms(Vec<RoomSummary>),
    /// One room's timeline changed.
    Timeline {
        /// Which room's.
        room: RoomId,
        /// How.
        diff: TimelineDiff,
    },
    /// These members are new or changed.
    Members(Vec<Member>),
    /// Who came and who went.
    Presence {
        /// Now here, or here in another way.
        online: Vec<MemberId>,
        /// No longer here.
        offline: Vec<MemberId>,
    },
    /// The host has a new name.
    HostRenamed(String),
    /// This listener was too slow and missed events: read everything shown anew.
    Lagged,
}

/// A listener's end. Take it before reading a snapshot, so that nothing falls between.
#[derive(Debug)]
pub struct Subscription {
    receiver: broadcast::Receiver<ClientEvent>,
}

impl Subscription {
    pub(crate) const fn new(receiver: broadcast::Receiver<ClientEvent>) -> Self {
        Self { receiver }
    }

    /// The next event, or `None` once the client is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(ClientEvent::Lagged),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
