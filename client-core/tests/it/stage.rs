//! A host and the profiles of alice and bob, each in a folder of its own.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use client_core::{
    Client, ClientEvent, ConnectionState, Content, Delivery, Join, JoinBy, Profile, SessionSecrets,
    Subscription, Target, TimelineItem,
};
use protocol::{InviteLink, MessageId, Registration, Role, RoomId, Seq};
use server_core::{Config, Server};
use tempfile::TempDir;
use tokio::time::timeout;
use vault::Unlock;

/// Generous: machines are noisy, and nothing here waits for the clock.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the host of that name at `listen`, with port 0 anywhere.
    pub(crate) async fn host_at(&self, name: &str, listen: SocketAddr) -> Server {
        let mut config = Config::new(self.folder().join(name), listen);
        config.name = Some(name.to_owned());
        config.announce = false;
        config.registration = Some(Registration::Open);
        Server::start(config).await.unwrap()
    }

    pub(crate) async fn host(&self) -> Server {
        self.host_at("studio", ([127, 0, 0, 1], 0).into()).await
    }

    pub(crate) fn profile_folder(&self, name: &str) -> PathBuf {
        self.folder().join(format!("profile-{name}"))
    }

    /// Opens the profile of that name, or makes it.
    pub(crate) async fn profile(&self, name: &str) -> Profile {
        self.profile_with(name, SessionSecrets::Vault).await
    }

    pub(crate) async fn profile_with(&self, name: &str, secrets: SessionSecrets) -> Profile {
        let dir = self.profile_folder(name);
        let key = self.folder().join(format!("{name}.key"));
        let opened = tokio::task::spawn_blocking(move || {
            if Profile::exists(&dir) {
                Profile::open(&dir, Unlock::KeyFile(&key), secrets).unwrap()
            } else {
                Profile::create(&dir, Unlock::KeyFile(&key), secrets).unwrap()
            }
        });
        opened.await.unwrap()
    }

    /// Alice owns the host, bob was invited; both are live.
    pub(crate) async fn alice_and_bob(&self, server: &Server) -> ((Profile, Client), (Profile, Client)) {
        let alice = self.profile("alice").await;
        let at_alice = alice.join(by_invite(server.owner_invite().unwrap(), "alice")).await.unwrap();
        live(&at_alice).await;
        let invite = at_alice.create_invite(Role::Member, 1, Duration::from_secs(3600)).await.unwrap();
        let bob = self.profile("bob").await;
        let at_bob = bob.join(by_invite(invite, "bob")).await.unwrap();
        live(&at_bob).await;
        ((alice, at_alice), (bob, at_bob))
    }
}

pub(crate) fn by_invite(link: InviteLink, name: &str) -> Join {
    let by = JoinBy::Invite { name: name.into(), password: Some(format!("{name} has a password").into()) };
    Join { target: Target::Invite(link), by, device: format!("{name}'s laptop"), hosted: false }
}

pub(crate) async fn bounded<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

pub(crate) async fn state(
    client: &Client,
    what: &str,
    wanted: impl Fn(&ConnectionState) -> bool,
) -> ConnectionState {
    bounded(what, client.state().wait_for(wanted)).await.unwrap().clone()
}

pub(crate) async fn live(client: &Client) {
    state(client, "a live connection", ConnectionState::is_live).await;
}

/// The id of the room everybody is in.
pub(crate) async fn general(client: &Client) -> RoomId {
    let rooms = client.rooms().await.unwrap();
    rooms.iter().find(|room| room.name == "general").unwrap().id
}

/// Waits for an event that `pick` takes.
pub(crate) async fn event<T>(
    events: &mut Subscription,
    what: &str,
    mut pick: impl FnMut(ClientEvent) -> Option<T>,
) -> T {
    bounded(what, async {
        loop {
            if let Some(picked) = pick(events.next().await.unwrap()) {
                return picked;
            }
        }
    })
    .await
}

/// Waits until `message` is in a form that `wanted` accepts.
pub(crate) async fn message(
    client: &Client,
    message: MessageId,
    what: &str,
    wanted: impl Fn(&TimelineItem) -> bool,
) -> TimelineItem {
    let mut events = client.subscribe();
    bounded(what, async {
        loop {
            if let Some(item) = client.message(message).await.unwrap()
                && wanted(&item)
            {
                return item;
            }
            events.next().await.unwrap();
        }
    })
    .await
}

pub(crate) async fn delivered(client: &Client, id: MessageId) -> Seq {
    message(client, id, "the acknowledgement", |item| item.seq.is_some()).await.seq.unwrap()
}

pub(crate) async fn post(client: &Client, room: RoomId, text: &str) -> Seq {
    let id = client.send(room, text).await.unwrap();
    delivered(client, id).await
}

/// All of a room, paged back to its beginning.
pub(crate) async fn whole(client: &Client, room: RoomId, page: u32) -> Vec<TimelineItem> {
    let (mut items, mut before) = (Vec::new(), None);
    loop {
        let shown = client.timeline(room, before, page).await.unwrap();
        assert!(!shown.gap, "a live client leaves no gap");
        before = shown.items.iter().find_map(|item| item.seq);
        items.splice(0..0, shown.items);
        if shown.at_start {
            return items;
        }
    }
}

pub(crate) fn texts(items: &[TimelineItem]) -> Vec<&str> {
    items
        .iter()
        .filter_map(|item| match &item.content {
            Content::Message { text, .. } => Some(text.as_ref()),
            _ => None,
        })
        .collect()
}

pub(crate) fn is_failed(item: &TimelineItem) -> bool {
    matches!(item.delivery, Delivery::Failed { .. })
}
