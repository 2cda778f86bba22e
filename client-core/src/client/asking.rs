//! Asking the host for something: needs a live connection, and waits for the answer with a bound.

use std::time::Duration;

use protocol::{
    Attention, Availability, Device, DeviceId, Invite, InviteId, InviteLink, MessageId, MessageLink,
    Progress, Reading, Registration, Reply, Request, Role, Room, RoomId, Secret, Seq, UnixMillis, Visibility,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Client;
use crate::address::Address;
use crate::connection::Ask;
use crate::error::RequestError;
use crate::store::table::hosts;

/// How long an answer may take: one Argon2id on a busy host, and a slow radio.
const ANSWER: Duration = Duration::from_secs(30);

/// What was asked for, or the error.
macro_rules! answered {
    ($answer:expr, $pattern:pat => $value:expr) => {
        match $answer {
            $pattern => Ok($value),
            _ => Err(RequestError::Unexpected),
        }
    };
}
pub(super) use answered;

impl Client {
    /// Says `request` to the host and waits for its answer; a refusal is an error.
    pub(crate) async fn request(&self, request: Request) -> Result<Reply, RequestError> {
        if !self.shared.state.borrow().is_live() {
            return Err(RequestError::NotConnected);
        }
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.asks.send(Ask { request, answer }).await.map_err(|_| RequestError::NotConnected)?;
            // Dropped with the connection it was said on.
            answered.await.unwrap_or(Err(RequestError::NoAnswer))
        };
        timeout(ANSWER, asked).await.unwrap_or(Err(RequestError::NoAnswer))
    }

    /// Public rooms I am not in.
    ///
    /// # Errors
    /// See [`RequestError`]; so for all below.
    pub async fn directory(&self) -> Result<Vec<Room>, RequestError> {
        let mut found: Vec<Room> = Vec::new();
        loop {
            let after = found.last().map(|room| room.id);
            let answer = self.request(Request::Directory { after }).await?;
            let (rooms, more) = answered!(answer, Reply::Rooms { rooms, more } => (rooms, more))?;
            let goes_on = more && !rooms.is_empty();
            found.extend(rooms);
            if !goes_on {
                return Ok(found);
            }
        }
    }

    /// Makes a room and joins it.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn create_room(
        &self,
        name: &str,
        topic: &str,
        visibility: Visibility,
    ) -> Result<Room, RequestError> {
        let request = Request::CreateRoom {
            name: name.into(),
            topic: topic.into(),
            visibility,
            reading: Reading::Start,
        };
        answered!(self.request(request).await?, Reply::Room { room } => room)
    }

    /// Joins a public room.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn join_room(&self, room: RoomId) -> Result<Room, RequestError> {
        answered!(self.request(Request::JoinRoom { room }).await?, Reply::Room { room } => room)
    }

    /// Leaves a room; what was read of it stays here.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn leave_room(&self, room: RoomId) -> Result<(), RequestError> {
        answered!(self.request(Request::LeaveRoom { room }).await?, Reply::Done => ())
    }

    /// Makes an invite: a link for others, shown this once.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn create_invite(
        &self,
        role: Role,
        uses: u32,
        life: Duration,
    ) -> Result<InviteLink, RequestError> {
        let life_ms = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let reply = self.request(Request::CreateInvite { role, uses, life_ms, rooms: Vec::new() }).await?;
        let token = answered!(reply, Reply::InviteCreated { token, .. } => token)?;
        Ok(InviteLink { host: self.id().clone(), addresses: self.addresses_for_others().await?, token })
    }

    /// Says how far I have read a room; only with `back` the mark goes back.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn mark(&self, room: RoomId, seq: Seq, back: bool) -> Result<Progress, RequestError> {
        let reply = self.request(Request::Mark { room, seq, back }).await?;
        answered!(reply, Reply::Progress { progress, .. } => progress)
    }

    /// Says what of a room counts for me.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn set_attention(&self, room: RoomId, attention: Attention) -> Result<Progress, RequestError> {
        let reply = self.request(Request::SetAttention { room, attention }).await?;
        answered!(reply, Reply::Progress { progress, .. } => progress)
    }

    /// Says how I am to be reached, as far as this device can tell; said again by itself on every new connection.
    ///
    /// # Errors
    /// See [`RequestError`]. Without a connection it is kept for the next one.
    pub async fn set_presence(
        &self,
        availability: Availability,
        until: Option<UnixMillis>,
    ) -> Result<(), RequestError> {
        self.shared.set_mood(availability, until);
        answered!(self.request(Request::SetPresence { availability, until }).await?, Reply::Done => ())
    }

    /// How many devices of others have got a message of mine, and how many they have.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn delivered(&self, room: RoomId, message: MessageId) -> Result<(u32, u32), RequestError> {
        let reply = self.request(Request::Delivered { room, message }).await?;
        answered!(reply, Reply::Delivered { delivered, devices, .. } => (delivered, devices))
    }

    /// The link to a message.
    #[must_use]
    pub fn link_to(&self, message: MessageId) -> MessageLink {
        MessageLink { host: self.id().clone(), message }
    }

    /// Where a message is that a link names.
    ///
    /// # Errors
    /// See [`RequestError`]; `not_found` where I may not read it.
    pub async fn resolve(&self, message: MessageId) -> Result<(RoomId, Seq), RequestError> {
        let reply = self.request(Request::Resolve { message }).await?;
        answered!(reply, Reply::Place { room, seq, .. } => (room, seq))
    }

    /// Living invites.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn invites(&self) -> Result<Vec<Invite>, RequestError> {
        answered!(self.request(Request::Invites).await?, Reply::Invites { invites } => invites)
    }

    /// Ends an invite.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn revoke_invite(&self, invite: InviteId) -> Result<(), RequestError> {
        answered!(self.request(Request::RevokeInvite { invite }).await?, Reply::Done => ())
    }

    /// My devices.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn devices(&self) -> Result<Vec<Device>, RequestError> {
        answered!(self.request(Request::Devices).await?, Reply::Devices { devices } => devices)
    }

    /// Ends the session of one of my devices.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn revoke_device(&self, device: DeviceId) -> Result<(), RequestError> {
        answered!(self.request(Request::RevokeDevice { device }).await?, Reply::Done => ())
    }

    /// Sets my password; `current` is required once one is set.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn set_password(&self, current: Option<Secret>, new: Secret) -> Result<(), RequestError> {
        let reply = self.request(Request::SetPassword { current, new, end_others: false }).await?;
        answered!(reply, Reply::Done => self.shared.set_has_password())
    }

    /// Whether a code is asked for beside my password, and how many recovery codes are left.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn second_factor(&self) -> Result<(bool, u32), RequestError> {
        let reply = self.request(Request::SecondFactor).await?;
        answered!(reply, Reply::SecondFactor { on, recovery_codes } => (on, recovery_codes))
    }

    /// Makes a secret for my authenticator: for typing, and as a link. Nothing is asked of me before it is confirmed.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn begin_second_factor(&self, password: Secret) -> Result<(Secret, Secret), RequestError> {
        let reply = self.request(Request::BeginSecondFactor { password }).await?;
        answered!(reply, Reply::SecondFactorBegun { secret, uri } => (secret, uri))
    }

    /// Proves that my authenticator has the secret; gives the recovery codes, this once.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn confirm_second_factor(&self, code: Secret) -> Result<Vec<Secret>, RequestError> {
        let reply = self.request(Request::ConfirmSecondFactor { code }).await?;
        answered!(reply, Reply::RecoveryCodes { codes } => codes)
    }

    /// New recovery codes in place of the old ones.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn renew_recovery_codes(&self, password: Secret) -> Result<Vec<Secret>, RequestError> {
        let request = Request::RenewRecoveryCodes { password: Some(password), code: None };
        answered!(self.request(request).await?, Reply::RecoveryCodes { codes } => codes)
    }

    /// From now on my password is enough.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn end_second_factor(&self, password: Secret) -> Result<(), RequestError> {
        let request = Request::EndSecondFactor { password: Some(password), code: None };
        answered!(self.request(request).await?, Reply::Done => ())
    }

    /// Sets who may register without an invite.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn set_registration(&self, registration: Registration) -> Result<(), RequestError> {
        let reply = self.request(Request::SetRegistration { registration }).await?;
        answered!(reply, Reply::Done => self.shared.set_registration(registration))
    }

    /// Ends this session on the host for good, and forgets its token here. The history stays.
    ///
    /// # Errors
    /// See [`RequestError`]. Without a connection nothing is ended.
    pub async fn sign_out(&self) -> Result<(), RequestError> {
        answered!(self.request(Request::SignOut).await?, Reply::Done => ())?;
        let removed = self.shared.secrets.remove(&self.shared.store).await;
        removed.map_err(|error| match error {
            crate::secrets::SecretsError::Store(error) => RequestError::Store(error),
            // The token is worthless by now; a keyring that keeps it does no harm.
            crate::secrets::SecretsError::Keyring(_) => RequestError::Unexpected,
        })
    }

    /// Where this host is known to be, best first.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn addresses(&self) -> Result<Vec<String>, RequestError> {
        Ok(self.shared.store.read(hosts::addresses).await?)
    }

    /// Notes where else this host can be reached, best first, and tries again if it was waiting. An address is only a
    /// hint: whoever answers there must still prove the pinned key.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn learn_addresses(&self, addresses: &[String]) -> Result<(), RequestError> {
        let newer: Vec<String> = addresses
            .iter()
            .filter_map(|text| Address::parse(text))
            .map(|address| address.to_string())
            .collect();
        let known = self.shared.store.read(hosts::addresses).await?;
        if newer.iter().any(|address| !known.contains(address)) {
            self.shared.store.write(move |connection, host| hosts::learn(connection, host, &newer)).await?;
            self.retry_now();
        }
        Ok(())
    }

    /// Addresses that work from another computer come first; loopback ones are for others on this very machine only.
    async fn addresses_for_others(&self) -> Result<Vec<String>, RequestError> {
        let mut all: Vec<Address> =
            self.addresses().await?.iter().filter_map(|text| Address::parse(text)).collect();
        all.retain(|address| !address.host.contains('%'));
        if all.iter().any(|address| !address.is_loopback()) {
            all.retain(|address| !address.is_loopback());
        }
        all.truncate(protocol::invite_link::ADDRESSES);
        Ok(all.iter().map(Address::to_string).collect())
    }
}
