//! What is on the local network: shown while somebody looks, and used all the time to learn where a joined host has moved
//! to. It refuses to trust any of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use client_core::discovery::Browse;
use client_core::{FoundHost, Profile};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::Answer;
use crate::push::Push;
use crate::view::{FailureView, FoundView, UpdateView};

/// The one search of this installation.
#[derive(Default)]
pub(crate) struct Lookout {
    search: Mutex<Search>,
}

#[derive(Default)]
struct Search {
    browse: Option<Browse>,
    showing: Option<AbortHandle>,
}

impl Lookout {
    /// Searches from now on, with the hosts that `profile` knows at this moment; what was running ends.
    pub(crate) async fn begin(&self, profile: &Profile) -> Answer<()> {
        let browse =
            profile.browse().await.map_err(|error| FailureView::new("browse", format!("{error}.")))?;
        profile.follow(browse.found());
        self.search().browse = Some(browse);
        Ok(())
    }

    /// Shows what is found, until told otherwise.
    pub(crate) async fn show(&self, profile: &Profile, push: Push) -> Answer<()> {
        self.hide();
        self.begin(profile).await?;
        let mut search = self.search();
        if let Some(found) = search.browse.as_ref().map(Browse::found) {
            search.showing = Some(tokio::spawn(carry(found, push)).abort_handle());
        }
        Ok(())
    }

    /// No longer shows what is found.
    pub(crate) fn hide(&self) {
        if let Some(showing) = self.search().showing.take() {
            showing.abort();
        }
    }

    /// Ends the search.
    pub(crate) fn end(&self) {
        self.hide();
        self.search().browse = None;
    }

    fn search(&self) -> MutexGuard<'_, Search> {
        self.search.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn carry(mut found: watch::Receiver<Vec<FoundHost>>, push: Push) {
    loop {
        let hosts = found.borrow_and_update().iter().cloned().map(FoundView::from).collect();
        push.send(UpdateView::Found { hosts }).await;
        if found.changed().await.is_err() {
            return;
        }
    }
}
