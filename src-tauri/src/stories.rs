//! One story each, through the real vault, the real host and the real client; only the window and the system's keyring
//! are played by the test.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{HostId, Role, RoomId};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use vault::{Keyring, KeyringError};
use zeroize::Zeroizing;

use crate::error::Answer;
use crate::joining;
use crate::paths::Paths;
use crate::state::{Installation, Way};
use crate::view::{
    ConnectionView, ContentView, DeliveryView, HostView, JoinByView, RowView, StartView, TimelineView,
    UpdateView,
};

/// Longer than anything takes on a busy machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A desktop session without any keyring service.
struct NoKeyring;

impl Keyring for NoKeyring {
    fn set(&self, _: &str, _: &[u8]) -> Result<(), KeyringError> {
        Err(KeyringError::NoService)
    }
    fn get(&self, _: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        Err(KeyringError::NoService)
    }
    fn delete(&self, _: &str) -> Result<(), KeyringError> {
        Err(KeyringError::NoService)
    }
}

/// A desktop session whose keyring works, for as long as nobody empties it.
#[derive(Default)]
struct OpenKeyring(Mutex<HashMap<String, Vec<u8>>>);

impl Keyring for OpenKeyring {
    fn set(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
        self.0.lock().unwrap().insert(name.to_owned(), secret.to_vec());
        Ok(())
    }
    fn get(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        self.0.lock().unwrap().get(name).cloned().map(Zeroizing::new).ok_or(KeyringError::Missing)
    }
    fn delete(&self, name: &str) -> Result<(), KeyringError> {
        self.0.lock().unwrap().remove(name).map(drop).ok_or(KeyringError::Missing)
    }
}

/// One desk: an installation and what its window hears.
struct Desk {
    here: Arc<Installation>,
    heard: UnboundedReceiver<UpdateView>,
}

impl Desk {
    fn new(base: &Path, profile: &str, keyring: Arc<dyn Keyring>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let here = Arc::new(Installation::new(Paths::under(base, profile).unwrap(), keyring));
        let (mouth, heard) = unbounded_channel();
        here.push.listen(move |update| mouth.send(update).is_ok());
        Self { here, heard }
    }

    /// A desk that has just chosen its passphrase.
    async fn prepared(base: &Path, profile: &str) -> Self {
        let desk = Self::new(base, profile, Arc::new(NoKeyring));
        desk.here.prepare(Zeroizing::new("open sesame".into())).await.unwrap();
        desk
    }

    /// The first update that `wanted` takes.
    async fn hears<T>(&mut self, wanted: impl Fn(UpdateView) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = wanted(self.heard.recv().await.unwrap()) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("heard in time")
    }

    async fn hears_delivered(&mut self, text: &str) -> RowView {
        self.hears(|update| match update {
            UpdateView::Rows { put, .. } => put.into_iter().find(|row| says(row, text) && row.seq.is_some()),
            _ => None,
        })
        .await
    }

    /// The id of the only room, once it is known here.
    async fn room(&self, host: &HostId) -> RoomId {
        let search = async {
            loop {
                let rooms = self.here.client(host).unwrap().rooms().await.unwrap();
                if let Some(room) = rooms.first() {
                    return room.id;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("a room in time")
    }

    async fn timeline(&self, host: &HostId, room: RoomId) -> TimelineView {
        self.here.client(host).unwrap().timeline(room, None, 50).await.unwrap().into()
    }

    async fn live(&mut self, host: &HostId) -> HostView {
        let search = async {
            loop {
                let profile = self.here.profile().unwrap();
                let view = crate::hosts::one(&profile, &self.here.hosting, host).await.unwrap();
                if view.state == ConnectionView::Live {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("live in time")
    }
}

fn says(row: &RowView, expected: &str) -> bool {
    matches!(&row.content, ContentView::Message { text, .. } if text == expected)
}

fn code<T>(answer: Answer<T>) -> String {
    answer.err().map(|failure| failure.code).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keyring_a_passphrase_opens_everything_again() {
    let base = tempfile::tempdir().unwrap();
    let mut alice = Desk::new(base.path(), "alice", Arc::new(NoKeyring));
    assert!(matches!(alice.here.start().await, Ok(StartView::First { needs_passphrase: true })));
    assert_eq!(code(alice.here.profile()), "locked");
    let prepared = alice.here.prepare(Zeroizing::new("open sesame".into())).await;
    assert!(matches!(prepared, Ok(StartView::First { needs_passphrase: false })));

    let host = joining::host(&alice.here, "Studio".into(), "alice".into()).await.unwrap();
    assert!(host.hosted && host.name == "Studio");
    let host = alice.live(&host.id).await;
    assert_eq!(host.me.unwrap().role, Role::Owner);
    let room = alice.room(&host.id).await;
    alice.here.client(&host.id).unwrap().send(room, "the kettle is on").await.unwrap();
    let row = alice.hears_delivered("the kettle is on").await;
    assert_eq!(row.delivery, DeliveryView::Sent);
    alice.here.stop().await;
    drop(alice);

    let mut alice = Desk::new(base.path(), "alice", Arc::new(NoKeyring));
    let Ok(StartView::Locked { failure, .. }) = alice.here.start().await else {
        panic!("it opened by itself")
    };
    assert_eq!(failure.code, "needs_passphrase");
    assert_eq!(code(alice.here.unlock(Way::Passphrase, Zeroizing::new("close".into())).await), "wrong_key");
    let opened = alice.here.unlock(Way::Passphrase, Zeroizing::new("open sesame".into())).await;
    assert!(matches!(opened, Ok(StartView::Open { hosts }) if hosts.len() == 1));
    alice.live(&host.id).await;
    assert!(alice.timeline(&host.id, room).await.rows.iter().any(|row| says(row, "the kettle is on")));
    alice.here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_profiles_talk_and_an_unsent_message_arrives_once() {
    let base = tempfile::tempdir().unwrap();
    let mut alice = Desk::prepared(base.path(), "alice").await;
    let host = joining::host(&alice.here, "Studio".into(), "alice".into()).await.unwrap().id;
    alice.live(&host).await;
    let day = Duration::from_secs(24 * 60 * 60);
    let invite = alice.here.client(&host).unwrap().create_invite(Role::Member, 1, day).await.unwrap();
    let invite = alice.here.reachable(&host, invite).to_app_link();

    let mut bob = Desk::prepared(base.path(), "bob").await;
    let probe = joining::look(&bob.here.profile().unwrap(), &invite).await.unwrap();
    assert!(probe.invited && !probe.known && probe.host.id == host);
    let new = || JoinByView::New { name: "bob".into(), password: None };
    let elsewhere = HostId::from_digest([9; 32]);
    assert_eq!(code(joining::join(&bob.here, &invite, elsewhere, new()).await), "key_changed");
    joining::join(&bob.here, &invite, host.clone(), new()).await.unwrap();
    bob.live(&host).await;

    let room = bob.room(&host).await;
    bob.here.client(&host).unwrap().send(room, "hello alice").await.unwrap();
    assert_eq!(alice.hears_delivered("hello alice").await.by_name, "bob");
    alice.here.client(&host).unwrap().send(room, "hello bob").await.unwrap();
    assert_eq!(bob.hears_delivered("hello bob").await.by_name, "alice");

    alice.here.stop().await;
    drop(alice);
    bob.hears(|update| match update {
        UpdateView::Host { host } => matches!(host.state, ConnectionView::Waiting { .. }).then_some(()),
        _ => None,
    })
    .await;
    bob.here.client(&host).unwrap().send(room, "are you there?").await.unwrap();

    let mut alice = Desk::new(base.path(), "alice", Arc::new(NoKeyring));
    alice.here.unlock(Way::Passphrase, Zeroizing::new("open sesame".into())).await.unwrap();
    alice.live(&host).await;
    bob.here.reconnect(&host).await.unwrap();
    bob.hears_delivered("are you there?").await;
    alice.hears_delivered("are you there?").await;
    let rows = alice.timeline(&host, room).await.rows;
    assert_eq!(rows.iter().filter(|row| says(row, "are you there?")).count(), 1);

    let again = Desk::prepared(base.path(), "carol").await;
    let used = JoinByView::New { name: "carol".into(), password: None };
    assert_eq!(code(joining::join(&again.here, &invite, host.clone(), used).await), "invite_used");
    for desk in [alice, bob, again] {
        desk.here.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_keyring_nothing_is_asked_and_the_recovery_code_replaces_a_lost_one() {
    let base = tempfile::tempdir().unwrap();
    let keyring = Arc::new(OpenKeyring::default());
    let alice = Desk::new(base.path(), "alice", keyring.clone());
    assert!(matches!(alice.here.start().await, Ok(StartView::First { needs_passphrase: false })));
    let vault = alice.here.profile().unwrap().vault().clone();
    let code_shown = vault.new_recovery_code().unwrap();
    let typed = code_shown.reveal().to_string();
    vault.confirm_recovery_code(&code_shown, &typed).unwrap();
    alice.here.stop().await;
    drop((alice, vault));

    let alice = Desk::new(base.path(), "alice", keyring.clone());
    assert!(matches!(alice.here.start().await, Ok(StartView::First { needs_passphrase: false })));
    alice.here.stop().await;
    drop(alice);

    keyring.0.lock().unwrap().clear();
    let alice = Desk::new(base.path(), "alice", keyring.clone());
    let Ok(StartView::Locked { failure, ways }) = alice.here.start().await else {
        panic!("it opened without a key")
    };
    assert_eq!((failure.code.as_str(), ways.len()), ("keyring_entry_missing", 2));
    alice.here.unlock(Way::Recovery, Zeroizing::new(typed)).await.unwrap();
    alice.here.stop().await;
    drop(alice);

    let alice = Desk::new(base.path(), "alice", keyring);
    assert!(matches!(alice.here.start().await, Ok(StartView::First { .. })), "the keyring was not mended");
    alice.here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_on_one_computer_take_two_ports() {
    let base = tempfile::tempdir().unwrap();
    let mut alice = Desk::prepared(base.path(), "alice").await;
    let bob = Desk::prepared(base.path(), "bob").await;
    let studio = joining::host(&alice.here, "Studio".into(), "alice".into()).await.unwrap();
    let lab = joining::host(&bob.here, "Lab".into(), "bob".into()).await.unwrap();
    let port = |desk: &Desk, host: &HostView| {
        desk.here.hosting.ask(&host.id, |server| server.local_addr().port()).unwrap()
    };
    let (first, second) = (port(&alice, &studio), port(&bob, &lab));
    assert_ne!(first, second);
    let remembered = std::fs::read_to_string(bob.here.paths.host_port()).unwrap();
    assert_eq!(remembered, second.to_string());
    alice.live(&studio.id).await;
    assert_eq!(code(alice.here.sign_out(&studio.id).await), "no_password");
    alice.here.client(&studio.id).unwrap().set_password(None, "a long password".into()).await.unwrap();
    alice.here.sign_out(&studio.id).await.unwrap();
    assert!(matches!(alice.here.start().await, Ok(StartView::First { needs_passphrase: false })));
    let address = format!("127.0.0.1:{first}");
    let by = JoinByView::Password { name: "Alice".into(), password: "a long password".into(), code: None };
    let back = joining::join(&alice.here, &address, studio.id.clone(), by).await.unwrap();
    assert!(back.hosted);
    alice.here.stop().await;
    bob.here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_signed_out_elsewhere_signs_in_again_and_keeps_its_history() {
    let base = tempfile::tempdir().unwrap();
    let mut desk = Desk::prepared(base.path(), "desk").await;
    let host = joining::host(&desk.here, "Studio".into(), "alice".into()).await.unwrap().id;
    desk.live(&host).await;
    let client = desk.here.client(&host).unwrap();
    client.set_password(None, "a long password".into()).await.unwrap();
    let address = desk.here.hosting.ask(&host, |server| server.local_addr().port()).unwrap();
    let address = format!("127.0.0.1:{address}");
    let by = || JoinByView::Password { name: "alice".into(), password: "a long password".into(), code: None };

    let mut laptop = Desk::prepared(base.path(), "laptop").await;
    let probe = joining::look(&laptop.here.profile().unwrap(), &address).await.unwrap();
    assert_eq!((probe.invited, &probe.host.id), (false, &host));
    joining::join(&laptop.here, &address, host.clone(), by()).await.unwrap();
    laptop.live(&host).await;
    let room = laptop.room(&host).await;
    laptop.here.client(&host).unwrap().send(room, "from the laptop").await.unwrap();
    laptop.hears_delivered("from the laptop").await;

    let devices = client.devices().await.unwrap();
    let other = devices.iter().find(|device| !device.current).unwrap();
    client.revoke_device(other.id).await.unwrap();
    laptop
        .hears(|update| match update {
            UpdateView::Host { host } => matches!(
                host.state,
                ConnectionView::Stopped { reason: crate::view::StopView::SessionEnded, .. }
            )
            .then_some(()),
            _ => None,
        })
        .await;
    let wrong =
        JoinByView::Password { name: "alice".into(), password: "another password".into(), code: None };
    assert_eq!(code(joining::sign_in_again(&laptop.here, &host, wrong).await), "wrong_credentials");
    assert!(laptop.timeline(&host, room).await.rows.iter().any(|row| says(row, "from the laptop")));
    joining::sign_in_again(&laptop.here, &host, by()).await.unwrap();
    laptop.live(&host).await;
    assert!(laptop.timeline(&host, room).await.rows.iter().any(|row| says(row, "from the laptop")));
    laptop.here.stop().await;
    desk.here.stop().await;
}
