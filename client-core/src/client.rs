//! One known host, as the rest of the program speaks with it: a handle, cheap to clone.
//!
//! Reading is local and works without a connection; asking needs a live one and says so; sending needs only the disk.
//! It holds no socket: that belongs to the actor in `connection`.

mod asking;
mod reading;
mod shared;
mod showing;

use protocol::{HostId, Member, Registration};
use tokio::sync::{mpsc, watch};

use crate::connection::Ask;
use crate::connection::state::ConnectionState;
use crate::event::Subscription;

pub(crate) use shared::{Shared, shown_name};

use std::sync::Arc;

/// How many requests wait for the actor's attention before callers wait too.
pub(crate) const ASKS: usize = 64;

/// A handle to one known host.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    asks: mpsc::Sender<Ask>,
}

impl Client {
    pub(crate) const fn new(shared: Arc<Shared>, asks: mpsc::Sender<Ask>) -> Self {
        Self { shared, asks }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Which host.
    #[must_use]
    pub fn id(&self) -> &HostId {
        &self.shared.store.id
    }

    /// Its name as last heard.
    #[must_use]
    pub fn host_name(&self) -> String {
        self.shared.card().name
    }

    /// Who I am there, as last heard.
    #[must_use]
    pub fn me(&self) -> Option<Member> {
        self.shared.card().me
    }

    /// Who may register there, once heard since the program started.
    #[must_use]
    pub fn registration(&self) -> Option<Registration> {
        self.shared.card().registration
    }

    /// Whether I have a password there, once heard since the program started.
    #[must_use]
    pub fn has_password(&self) -> Option<bool> {
        self.shared.card().has_password
    }

    /// Whether the host asks for a second factor of me and I have none: until I have set one up, everything else that is
    /// asked of it is refused.
    #[must_use]
    pub fn second_factor_missing(&self) -> bool {
        self.shared.card().second_factor_missing
    }

    /// Where the connection stands, now and from now on.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.shared.state.subscribe()
    }

    /// Listens. Subscribe first, then read what is shown.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(self.shared.events.subscribe())
    }

    /// Tries a waiting connection at once: a person pressed the button, or the network changed.
    pub fn retry_now(&self) {
        self.shared.retry.notify_one();
    }

    pub(crate) fn close(&self) {
        self.shared.stop.cancel();
    }
}
