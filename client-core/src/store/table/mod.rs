//! One file per table: its row, its reads, its writes.

pub(crate) mod coverage;
pub(crate) mod events;
pub(crate) mod hosts;
pub(crate) mod members;
pub(crate) mod outbox;
pub(crate) mod progress;
pub(crate) mod rooms;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod unsure;
