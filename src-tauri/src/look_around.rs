//! What is on the local network: shown while somebody looks, and used all the time to learn where a joined host has moved
//! to. It refuses to trust any of it.

use std::sync::{Mutex, PoisonError};

use client_core::{FoundHost, Profile};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::{Answer, with_capital};
use crate::push::Push;
use crate::view::{FailureView, FoundView, UpdateView};

/// The one search of this installation.
pub(crate) struct Lookout {
    found: watch::Sender<Vec<FoundHost>>,
    searching: Slot,
    showing: Slot,
}

/// At most one running task: the next one ends it.
#[derive(Default)]
struct Slot(Mutex<Option<AbortHandle>>);

impl Slot {
    fn put(&self, task: Option<AbortHandle>) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), task);
        if let Some(before) = before {
            before.abort();
        }
    }
}

impl Default for Lookout {
    fn default() -> Self {
        Self { found: watch::Sender::new(Vec::new()), searching: Slot::default(), showing: Slot::default() }
    }
}

impl Lookout {
    /// Lets the profile's clients learn from whatever is found, as long as it is open.
    pub(crate) fn teach(&self, profile: &Profile) {
        profile.follow(self.found.subscribe());
    }

    /// Searches from now on, marking the hosts that `profile` knows at this moment; the search before ends.
    pub(crate) async fn search(&self, profile: &Profile) -> Answer<()> {
        let seen = profile
            .browse()
            .await
            .map_err(|error| FailureView::new("browse", with_capital(&error.to_string())))?;
        let searching = tokio::spawn(relay(seen, self.found.clone()));
        self.searching.put(Some(searching.abort_handle()));
        Ok(())
    }

    /// Shows what is found, until told otherwise.
    pub(crate) async fn show(&self, profile: &Profile, push: Push) -> Answer<()> {
        self.search(profile).await?;
        let showing = tokio::spawn(tell(self.found.subscribe(), push));
        self.showing.put(Some(showing.abort_handle()));
        Ok(())
    }

    /// No longer shows what is found.
    pub(crate) fn hide(&self) {
        self.showing.put(None);
    }

    /// Ends the search.
    pub(crate) fn end(&self) {
        self.hide();
        self.searching.put(None);
    }
}

/// The search itself ends with the last of its receivers, which is here.
async fn relay(mut seen: watch::Receiver<Vec<FoundHost>>, found: watch::Sender<Vec<FoundHost>>) {
    loop {
        let hosts = seen.borrow_and_update().clone();
        found.send_replace(hosts);
        if seen.changed().await.is_err() {
            return;
        }
    }
}

async fn tell(mut found: watch::Receiver<Vec<FoundHost>>, push: Push) {
    loop {
        let hosts = found.borrow_and_update().iter().cloned().map(FoundView::from).collect();
        push.send(UpdateView::Found { hosts }).await;
        if found.changed().await.is_err() {
            return;
        }
    }
}
