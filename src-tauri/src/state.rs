//! What this installation has open: its vault, the clients in it, the host that may run here. One value, made once,
//! shared by all commands. It refuses to make a vault where one is that does not open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use client_core::{Client, Profile, SessionSecrets};
use protocol::{HostId, InviteLink, invite_link};
use server_core::Server;
use vault::{Keyring, RecoveryCode, SlotKind, Unlock};
use zeroize::Zeroizing;

use crate::error::Answer;
use crate::hosting::Hosting;
use crate::look_around::Lookout;
use crate::paths::Paths;
use crate::push::Push;
use crate::view::{FailureView, SlotView, StartView, UpdateView};
use crate::{forward, hosts, window};

/// By which secret a person opens a locked vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Way {
    /// The passphrase.
    Passphrase,
    /// The printed recovery code.
    Recovery,
}

/// Everything one profile has open.
pub(crate) struct Installation {
    pub(crate) paths: Paths,
    pub(crate) push: Push,
    keyring: Arc<dyn Keyring>,
    /// Held through opening, so that two windows' questions never open twice.
    opening: tokio::sync::Mutex<()>,
    /// Held while a host's view is read and queued.
    pub(crate) telling: tokio::sync::Mutex<()>,
    profile: RwLock<Option<Profile>>,
    pub(crate) hosting: Hosting,
    pub(crate) lookout: Lookout,
    recovery: Mutex<Option<RecoveryCode>>,
}

impl Installation {
    /// Nothing is open yet. Must be called within a runtime.
    pub(crate) fn new(paths: Paths, keyring: Arc<dyn Keyring>) -> Self {
        Self {
            hosting: Hosting::new(&paths),
            paths,
            push: Push::new(),
            keyring,
            opening: tokio::sync::Mutex::default(),
            telling: tokio::sync::Mutex::default(),
            profile: RwLock::default(),
            lookout: Lookout::default(),
            recovery: Mutex::default(),
        }
    }

    /// Opens what is there without asking a person, and says what the window should show.
    pub(crate) async fn start(self: &Arc<Self>) -> Answer<StartView> {
        window::shown(&self.paths);
        let _turn = self.opening.lock().await;
        if let Ok(profile) = self.profile() {
            return self.opened(&profile).await;
        }
        if !Profile::exists(&self.paths.client()) {
            return self.first().await;
        }
        match self.open_by_keyring().await {
            Ok(profile) => self.enter(profile).await,
            Err(failure) => Ok(StartView::Locked { failure, ways: self.ways().await? }),
        }
    }

    /// Makes the vault with a passphrase, where there is no keyring.
    pub(crate) async fn prepare(self: &Arc<Self>, passphrase: Zeroizing<String>) -> Answer<StartView> {
        let _turn = self.opening.lock().await;
        let profile = self.create(Key::Passphrase(passphrase)).await?;
        self.enter(profile).await
    }

    /// Opens a locked vault with what a person knows.
    pub(crate) async fn unlock(self: &Arc<Self>, way: Way, secret: Zeroizing<String>) -> Answer<StartView> {
        let _turn = self.opening.lock().await;
        if let Ok(profile) = self.profile() {
            return self.opened(&profile).await;
        }
        let key = match way {
            Way::Passphrase => Key::Passphrase(secret),
            Way::Recovery => Key::Recovery(secret),
        };
        let profile = self.open(key).await?;
        self.mend_keyring(&profile).await;
        self.enter(profile).await
    }

    /// The open profile.
    pub(crate) fn profile(&self) -> Answer<Profile> {
        let profile = self.profile.read().unwrap_or_else(PoisonError::into_inner);
        profile.clone().ok_or_else(FailureView::locked)
    }

    /// The client of a joined host.
    pub(crate) fn client(&self, host: &HostId) -> Answer<Client> {
        self.profile()?.client(host).ok_or_else(FailureView::unknown_host)
    }

    /// Tries a waiting connection now; where this computer is the host, it is started first.
    pub(crate) async fn reconnect(&self, host: &HostId) -> Answer<()> {
        let client = self.client(host)?;
        if self.hosting.failure().is_some() {
            self.hosting.start(&self.profile()?, None).await?;
        }
        client.retry_now();
        Ok(())
    }

    /// Ends the session and forgets the host, its history here included. Refused where nobody could come back as the
    /// owner of the host that runs here.
    pub(crate) async fn sign_out(&self, host: &HostId) -> Answer<()> {
        let (profile, client) = (self.profile()?, self.client(host)?);
        if self.hosting.ask(host, |_| ()).is_some() && client.has_password() != Some(true) {
            let message = "Set a password first: without one you could never sign in to your own host again.";
            return Err(FailureView::new("no_password", message));
        }
        client.sign_out().await?;
        profile.forget(host).await?;
        self.push.send(UpdateView::HostGone { host: host.clone() }).await;
        Ok(())
    }

    /// The same invite, naming where others reach the host: its owner's own client only knows the loopback.
    pub(crate) fn reachable(&self, host: &HostId, link: InviteLink) -> InviteLink {
        let mut addresses = self.hosting.ask(host, Server::addresses).unwrap_or_default();
        addresses.truncate(invite_link::ADDRESSES);
        if addresses.is_empty() { link } else { InviteLink { addresses, ..link } }
    }

    /// Forwards the events of one client to the window, for as long as it lives.
    pub(crate) fn follow(self: &Arc<Self>, client: &Client) {
        forward::follow(self, client);
    }

    /// The recovery code that was shown and waits to be typed back.
    pub(crate) fn shown_code(&self) -> MutexGuard<'_, Option<RecoveryCode>> {
        self.recovery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends everything in order: what is written is on disk, the host has told its members to come back.
    pub(crate) async fn stop(&self) {
        self.lookout.end();
        let profile = self.profile.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(profile) = profile {
            profile.stop().await;
        }
        self.hosting.stop().await;
    }

    async fn first(self: &Arc<Self>) -> Answer<StartView> {
        let keyring = Arc::clone(&self.keyring);
        if let Err(error) = blocking(move || keyring.probe()).await? {
            tracing::info!(%error, "no keyring here, a passphrase is asked for");
            return Ok(StartView::First { needs_passphrase: true });
        }
        let profile = self.create(Key::Keyring(Arc::clone(&self.keyring))).await?;
        self.enter(profile).await
    }

    async fn open_by_keyring(&self) -> Answer<Profile> {
        let dir = self.paths.client();
        let peek = blocking(move || vault::peek(&dir)).await??;
        if !peek.slots.contains(&SlotKind::Keyring) {
            return Err(FailureView::new("needs_passphrase", "Type your passphrase to open Hearth."));
        }
        self.open(Key::Keyring(Arc::clone(&self.keyring))).await
    }

    async fn ways(&self) -> Answer<Vec<SlotView>> {
        let dir = self.paths.client();
        // A list that can't be read leaves every way to be tried; the failure beside it says what is wrong.
        let peek = blocking(move || vault::peek(&dir)).await?;
        Ok(peek.map(|peek| peek.slots.into_iter().map(SlotView::from).collect()).unwrap_or_default())
    }

    async fn create(&self, key: Key) -> Answer<Profile> {
        let (dir, secrets) = (self.paths.client(), self.secrets_of(&key).await?);
        Ok(blocking(move || Profile::create(&dir, key.unlock(), secrets)).await??)
    }

    async fn open(&self, key: Key) -> Answer<Profile> {
        let (dir, secrets) = (self.paths.client(), self.secrets_of(&key).await?);
        Ok(blocking(move || Profile::open(&dir, key.unlock(), secrets)).await??)
    }

    /// Sessions are kept in the keyring where the vault has a place in it and it works now, else in the vault itself.
    async fn secrets_of(&self, key: &Key) -> Answer<SessionSecrets> {
        let (dir, keyring) = (self.paths.client(), Arc::clone(&self.keyring));
        let by_keyring = matches!(key, Key::Keyring(_));
        let usable = blocking(move || {
            let has_place = || vault::peek(&dir).is_ok_and(|peek| peek.slots.contains(&SlotKind::Keyring));
            by_keyring || (has_place() && keyring.probe().is_ok())
        });
        Ok(match usable.await? {
            true => SessionSecrets::Keyring(Arc::clone(&self.keyring)),
            false => SessionSecrets::Vault,
        })
    }

    /// A vault that had a place in the keyring gets it back, so that the next start asks nothing.
    async fn mend_keyring(&self, profile: &Profile) {
        let (vault, keyring) = (profile.vault().clone(), Arc::clone(&self.keyring));
        if !vault.slots().contains(&SlotKind::Keyring) {
            return;
        }
        let mended = blocking(move || vault.add_slot(Unlock::Keyring(&*keyring))).await;
        if let Ok(Err(error)) = mended {
            tracing::info!(%error, "the keyring is not back yet, the next start asks again");
        }
    }

    /// The host of this computer runs before anyone dials it.
    async fn enter(self: &Arc<Self>, profile: Profile) -> Answer<StartView> {
        self.hosting.resume(&profile).await;
        *self.profile.write().unwrap_or_else(PoisonError::into_inner) = Some(profile.clone());
        for client in profile.start().await? {
            self.follow(&client);
        }
        self.lookout.teach(&profile);
        if let Err(failure) = self.lookout.search(&profile).await {
            tracing::warn!(message = failure.message, "the network is not watched");
        }
        self.opened(&profile).await
    }

    async fn opened(&self, profile: &Profile) -> Answer<StartView> {
        let hosts = hosts::all(profile, &self.hosting).await?;
        if hosts.is_empty() {
            return Ok(StartView::First { needs_passphrase: false });
        }
        Ok(StartView::Open { hosts })
    }
}

/// What opens the vault, owned so that it can go to a thread of its own.
enum Key {
    Keyring(Arc<dyn Keyring>),
    Passphrase(Zeroizing<String>),
    Recovery(Zeroizing<String>),
}

impl Key {
    fn unlock(&self) -> Unlock<'_> {
        match self {
            Self::Keyring(keyring) => Unlock::Keyring(&**keyring),
            Self::Passphrase(passphrase) => Unlock::Passphrase(passphrase),
            Self::Recovery(code) => Unlock::Recovery(code),
        }
    }
}

/// Runs what waits for a disk, a hash or a person on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| FailureView::ending())
}
