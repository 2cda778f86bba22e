//! The joined hosts as the window lists them: what the profile knows, how the connection is, and whether the host runs
//! in this very program.

use client_core::{Client, ConnectionState, KnownHost, Profile};
use protocol::{HostId, Registration};
use server_core::Server;

use crate::error::Answer;
use crate::hosting::Hosting;
use crate::view::{ConnectionView, FailureView, HostView, PersonView};

/// All joined hosts, in the order they were joined.
pub(crate) async fn all(profile: &Profile, hosting: &Hosting) -> Answer<Vec<HostView>> {
    let mut views = Vec::new();
    for known in profile.hosts().await? {
        views.push(view(profile, hosting, known).await?);
    }
    Ok(views)
}

/// One joined host.
pub(crate) async fn one(profile: &Profile, hosting: &Hosting, host: &HostId) -> Answer<HostView> {
    let known = profile.hosts().await?.into_iter().find(|known| known.id == *host);
    view(profile, hosting, known.ok_or_else(FailureView::unknown_host)?).await
}

async fn view(profile: &Profile, hosting: &Hosting, known: KnownHost) -> Answer<HostView> {
    let client = profile.client(&known.id);
    let people = match &client {
        Some(client) => client.members().await?,
        None => Vec::new(),
    };
    Ok(HostView {
        state: state(client.as_ref(), &known, hosting),
        me: client.as_ref().and_then(Client::me).or(known.last_member).map(PersonView::from),
        online: u32::try_from(people.iter().filter(|member| member.online).count()).unwrap_or(u32::MAX),
        addresses: hosting.ask(&known.id, Server::addresses).unwrap_or_default(),
        registration: client.as_ref().and_then(Client::registration).unwrap_or(Registration::Invite),
        has_password: client.as_ref().and_then(Client::has_password).unwrap_or(false),
        hosted: known.hosted,
        id: known.id,
        name: known.name,
        words: known.words,
    })
}

/// A host of this computer that does not run says why itself; "no answer" would send people the wrong way.
fn state(client: Option<&Client>, known: &KnownHost, hosting: &Hosting) -> ConnectionView {
    let state = client.map_or(ConnectionState::Dialling, |client| client.state().borrow().clone());
    match (ConnectionView::from(state), hosting.failure()) {
        (ConnectionView::Waiting { retry_at, .. }, Some(failure)) if known.hosted => {
            ConnectionView::Waiting { retry_at, reason: failure.message }
        }
        (state, _) => state,
    }
}
