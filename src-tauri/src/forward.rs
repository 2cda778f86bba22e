//! Carries one client's events to the window, each as the window wants it. It refuses to hurry: a window that is slow
//! holds it back, and then the client says that events were lost and the window loads anew.

use std::sync::{Arc, Weak};

use client_core::{Client, ClientEvent, Subscription, TimelineDiff};
use protocol::{HostId, RoomId};

use crate::error::Answer;
use crate::hosts;
use crate::state::Installation;
use crate::view::{PersonView, RowView, UpdateView};

/// Follows `client` until it is gone. The subscription is taken before this returns, so a snapshot read after it misses
/// nothing.
pub(crate) fn follow(installation: &Arc<Installation>, client: &Client) {
    let (installation, events) = (Arc::downgrade(installation), client.subscribe());
    tokio::spawn(carry(installation, client.id().clone(), events));
}

async fn carry(installation: Weak<Installation>, host: HostId, mut events: Subscription) {
    while let Some(event) = events.next().await {
        let Some(installation) = installation.upgrade() else { return };
        if let Err(failure) = tell(&installation, &host, event).await {
            // Signed out meanwhile, or closing: there is nothing to show any more.
            tracing::debug!(code = failure.code, "an event found no window");
        }
    }
}

async fn tell(installation: &Installation, host: &HostId, event: ClientEvent) -> Answer<()> {
    let push = &installation.push;
    match event {
        ClientEvent::Timeline { room, diff } => push.send(rows(host.clone(), room, diff)).await,
        ClientEvent::Rooms(rooms) => {
            let rooms = rooms.into_iter().map(Into::into).collect();
            push.send(UpdateView::Rooms { host: host.clone(), rooms }).await;
        }
        ClientEvent::Members(_) | ClientEvent::Presence { .. } => {
            let people = people(installation, host).await?;
            push.send(UpdateView::People { host: host.clone(), people }).await;
            tell_host(installation, host).await?;
        }
        ClientEvent::State(_) | ClientEvent::HostRenamed(_) => tell_host(installation, host).await?,
        ClientEvent::Lagged => push.send(UpdateView::Reload).await,
    }
    Ok(())
}

/// Shows the host as it is now. One at a time: what was read later is also told later.
pub(crate) async fn tell_host(installation: &Installation, host: &HostId) -> Answer<()> {
    let _turn = installation.telling.lock().await;
    let host = hosts::one(&installation.profile()?, &installation.hosting, host).await?;
    installation.push.send(UpdateView::Host { host }).await;
    Ok(())
}

/// The members of a host in the order of their names.
pub(crate) async fn people(installation: &Installation, host: &HostId) -> Answer<Vec<PersonView>> {
    let members = installation.client(host)?.members().await?;
    let mut people: Vec<PersonView> = members.into_iter().map(PersonView::from).collect();
    people.sort_by_cached_key(|person| (person.name.to_lowercase(), person.id));
    Ok(people)
}

fn rows(host: HostId, room: RoomId, diff: TimelineDiff) -> UpdateView {
    match diff {
        TimelineDiff::Put(item) | TimelineDiff::Replace(item) => {
            UpdateView::Rows { host, room, put: vec![RowView::from(item)], removed: Vec::new() }
        }
        TimelineDiff::Remove(key) => UpdateView::Rows { host, room, put: Vec::new(), removed: vec![key] },
        TimelineDiff::Reset => UpdateView::Reset { host, room },
    }
}
