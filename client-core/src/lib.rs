//! A Hearth peer: one installation's encrypted profile and its live conversations with the hosts it knows.
//!
//! It exists so that the desktop shell and the command line share one truth about connections, the outbox,
//! local history and trust. It refuses to know about windows and Tauri, to send a credential before the host has
//! proven its key, and to acknowledge a message that is not in the outbox on disk.
//!
//! A message travels: [`Client::send`] writes an outbox row and echoes it, `connection` carries it to the host,
//! `store` takes the acknowledgement, and [`ClientEvent::Timeline`] tells whoever subscribed.

mod address;
mod client;
mod connection;
pub mod discovery;
mod error;
mod event;
mod join;
mod outbox;
mod profile;
mod secrets;
mod store;
mod sync;
mod timeline;
mod trust;

pub use client::Client;
pub use connection::state::{ConnectionState, StopReason, WaitReason};
pub use discovery::FoundHost;
pub use error::{
    ConnectError, CreateProfileError, JoinError, OpenError, ProfileError, RequestError, SendError,
    StoreError, TimelineError,
};
pub use event::{ClientEvent, Subscription};
pub use join::{Join, JoinBy, Probe, Target};
pub use profile::{KnownHost, Profile};
pub use secrets::SessionSecrets;
pub use store::RoomSummary;
pub use timeline::{About, Content, Delivery, TimelineDiff, TimelineItem, TimelinePage};
