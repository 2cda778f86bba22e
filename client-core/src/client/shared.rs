//! What the actor and the handles of one client share. No lock here is held across an await, and none while another is.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use protocol::limits::check_name;
use protocol::{
    Availability, Cursor, HostId, Member, MemberId, Registration, RoomId, Seq, SignedIn, UnixMillis,
};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::connection::link::Link;
use crate::connection::state::ConnectionState;
use crate::error::StoreError;
use crate::event::{BACKLOG, ClientEvent};
use crate::secrets::Secrets;
use crate::store::table::hosts::{self, HostRow};
use crate::store::{HostStore, Outcome, Received, Store};
use crate::timeline::TimelineDiff;

/// What is known of the host and of me there, in memory.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) name: String,
    pub(crate) me: Option<Member>,
    pub(crate) registration: Option<Registration>,
    pub(crate) has_password: Option<bool>,
    /// Whether the host asks for a second factor that I have not.
    pub(crate) second_factor_missing: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: HostStore,
    pub(crate) secrets: Secrets,
    pub(crate) device: String,
    pub(crate) events: broadcast::Sender<ClientEvent>,
    pub(crate) state: watch::Sender<ConnectionState>,
    /// Something new waits in the outbox.
    pub(crate) outbox: Notify,
    /// Somebody wants the connection now.
    pub(crate) retry: Notify,
    pub(crate) stop: CancellationToken,
    card: Arc<Mutex<Card>>,
    here: Mutex<HashMap<MemberId, Availability>>,
    /// Whose messages do not count.
    blocked: Mutex<HashSet<MemberId>>,
    /// What I last said of how I am to be reached.
    mood: Mutex<(Availability, Option<UnixMillis>)>,
    /// How far the host was told that this device keeps each room.
    told: Mutex<HashMap<RoomId, Seq>>,
}

/// Tells news of timelines from the vault's writer thread.
#[derive(Clone)]
pub(crate) struct Announcer {
    events: broadcast::Sender<ClientEvent>,
    card: Arc<Mutex<Card>>,
}

impl Shared {
    pub(crate) fn new(store: Store, secrets: Secrets, host: HostRow, stop: CancellationToken) -> Self {
        let HostRow { n, id, name, device, member, .. } = host;
        let card =
            Card { name, me: member, registration: None, has_password: None, second_factor_missing: false };
        Self {
            store: HostStore { store, n, id },
            secrets,
            device,
            events: broadcast::Sender::new(BACKLOG),
            state: watch::Sender::new(ConnectionState::Dialling),
            outbox: Notify::new(),
            retry: Notify::new(),
            stop,
            card: Arc::new(Mutex::new(card)),
            here: Mutex::default(),
            blocked: Mutex::default(),
            mood: Mutex::default(),
            told: Mutex::default(),
        }
    }

    pub(crate) fn card(&self) -> Card {
        lock(&self.card).clone()
    }

    pub(crate) fn set_has_password(&self) {
        lock(&self.card).has_password = Some(true);
    }

    pub(crate) fn set_registration(&self, registration: Registration) {
        lock(&self.card).registration = Some(registration);
    }

    pub(crate) fn announcer(&self) -> Announcer {
        Announcer { events: self.events.clone(), card: Arc::clone(&self.card) }
    }

    /// Tells everyone who listens. Nobody listening is fine.
    pub(crate) fn tell(&self, event: ClientEvent) {
        drop(self.events.send(event));
    }

    pub(crate) fn enter(&self, state: ConnectionState) {
        if *self.state.borrow() != state {
            self.state.send_replace(state.clone());
            self.tell(ClientEvent::State(state));
        }
    }

    /// Takes what the host has said of itself and of me.
    pub(crate) async fn signed_in(&self, link: &Link, signed_in: &SignedIn) -> Result<(), StoreError> {
        let name = shown_name(&link.welcome.host.name, &self.store.id);
        let me = Member { online: true, ..signed_in.member.clone() };
        let renamed = {
            let mut card = lock(&self.card);
            let renamed = card.name != name;
            *card = Card {
                name: name.clone(),
                me: Some(me.clone()),
                registration: Some(signed_in.registration),
                has_password: Some(signed_in.has_password),
                second_factor_missing: signed_in.second_factor_missing,
            };
            renamed
        };
        if renamed {
            self.tell(ClientEvent::HostRenamed(name.clone()));
        }
        let address = link.address.to_string();
        let saved = self.store.write(move |connection, host| {
            hosts::update(connection, host, &name, &me)?;
            hosts::learn(connection, host, &[address])
        });
        saved.await.map(drop)
    }

    /// Saves what the host said, in one write, and tells what it changed.
    pub(crate) async fn receive(&self, batch: Vec<Received>) -> Result<Outcome, StoreError> {
        let Some(me) = self.card().me else {
            return Ok(Outcome::default());
        };
        let events = self.events.clone();
        let blocked = lock(&self.blocked).clone();
        self.store.receive((me, blocked), batch, move |outcome| announce(&events, outcome)).await
    }

    /// Takes whom I have blocked. Says whether that is news.
    pub(crate) fn block(&self, blocked: Vec<MemberId>) -> bool {
        let blocked = blocked.into_iter().collect::<HashSet<_>>();
        let mut known = lock(&self.blocked);
        let news = *known != blocked;
        *known = blocked;
        news
    }

    /// What I last said of how I am to be reached.
    pub(crate) fn mood(&self) -> (Availability, Option<UnixMillis>) {
        *lock(&self.mood)
    }

    pub(crate) fn set_mood(&self, availability: Availability, until: Option<UnixMillis>) {
        *lock(&self.mood) = (availability, until);
    }

    /// What of `held` the host was not told yet; from now on it is.
    pub(crate) fn untold(&self, held: Vec<(RoomId, Seq)>) -> Vec<Cursor> {
        let mut told = lock(&self.told);
        let news = |(room, after): (RoomId, Seq)| {
            let known = told.insert(room, after);
            (after > known.unwrap_or_default()).then_some(Cursor { room, after })
        };
        held.into_iter().filter_map(news).collect()
    }

    /// Takes how members are here now; none for those who are not.
    pub(crate) fn presence(&self, named: impl IntoIterator<Item = (MemberId, Option<Availability>)>) {
        let (mut online, mut offline) = (Vec::new(), Vec::new());
        let mut here = lock(&self.here);
        for (member, availability) in named {
            match availability {
                Some(now) if here.insert(member, now) != Some(now) => online.push(member),
                None if here.remove(&member).is_some() => offline.push(member),
                _ => {}
            }
        }
        drop(here);
        if !online.is_empty() || !offline.is_empty() {
            self.tell(ClientEvent::Presence { online, offline });
        }
    }

    /// Without a connection nobody is known to be here.
    pub(crate) fn nobody_online(&self) {
        let offline: Vec<_> = lock(&self.here).drain().map(|(member, _)| member).collect();
        if !offline.is_empty() {
            self.tell(ClientEvent::Presence { online: Vec::new(), offline });
        }
    }

    /// How a member is here, as far as it is known; none if they are not.
    pub(crate) fn availability(&self, member: MemberId) -> Option<Availability> {
        lock(&self.here).get(&member).copied()
    }
}

impl Announcer {
    /// Tells a change of a room's timeline. Without a member nothing can be in an outbox.
    pub(crate) fn timeline(&self, room: RoomId, diff: impl FnOnce(&Member) -> TimelineDiff) {
        let me = lock(&self.card).me.clone();
        if let Some(me) = me {
            drop(self.events.send(ClientEvent::Timeline { room, diff: diff(&me) }));
        }
    }
}

fn announce(events: &broadcast::Sender<ClientEvent>, outcome: &Outcome) {
    if !outcome.members.is_empty() {
        drop(events.send(ClientEvent::Members(outcome.members.clone())));
    }
    if let Some(rooms) = &outcome.rooms {
        drop(events.send(ClientEvent::Rooms(rooms.clone())));
    }
    for (room, diff) in &outcome.diffs {
        drop(events.send(ClientEvent::Timeline { room: *room, diff: diff.clone() }));
    }
}

/// A host's name as it may be shown: one that could disguise itself is replaced by what the host is.
pub(crate) fn shown_name(name: &str, id: &HostId) -> String {
    check_name(name).map_or_else(|_| id.prefix(), str::to_owned)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}
