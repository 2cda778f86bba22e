//! How members and rooms show themselves: names, statuses and pictures, as the host has them now. None of it but names is
//! kept here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{AvatarId, Member, MemberId, Picture, Reply, Request, Room, RoomId, UnixMillis};
use ring::digest::{SHA256, digest};

use super::Client;
use super::asking::answered;
use crate::error::RequestError;

impl Client {
    /// Says who I am, to everyone; at `until` the host takes status and emoji back.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn set_profile(
        &self,
        name: &str,
        (status, emoji): (&str, &str),
        until: Option<UnixMillis>,
    ) -> Result<(), RequestError> {
        let request = Request::SetProfile {
            name: name.into(),
            status: status.into(),
            status_emoji: emoji.into(),
            status_until: until,
        };
        answered!(self.request(request).await?, Reply::Done => ())
    }

    /// Gives me a picture, PNG, JPEG, GIF or WebP, or takes mine away.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn set_avatar(&self, image: Option<&[u8]>) -> Result<(), RequestError> {
        let request = Request::SetAvatar { image: image.map(said) };
        answered!(self.request(request).await?, Reply::Done => ())
    }

    /// Gives a room a picture, or takes it away.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn set_room_avatar(&self, room: RoomId, image: Option<&[u8]>) -> Result<Room, RequestError> {
        let request = Request::SetRoomAvatar { room, image: image.map(said) };
        answered!(self.request(request).await?, Reply::Room { room } => room)
    }

    /// Takes a member's picture away.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn remove_avatar(&self, member: MemberId) -> Result<(), RequestError> {
        answered!(self.request(Request::RemoveAvatar { member }).await?, Reply::Done => ())
    }

    /// The picture of a member, which is what its id says.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn avatar(&self, member: MemberId) -> Result<(AvatarId, Vec<u8>), RequestError> {
        heard(self.request(Request::Avatar { member }).await?)
    }

    /// The picture of a room, which is what its id says.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn room_avatar(&self, room: RoomId) -> Result<(AvatarId, Vec<u8>), RequestError> {
        heard(self.request(Request::RoomAvatar { room }).await?)
    }

    /// All members as the host knows them now, in the order of their ids.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn members_now(&self) -> Result<Vec<Member>, RequestError> {
        let mut all: Vec<Member> = Vec::new();
        loop {
            let after = all.last().map(|member| member.id);
            let reply = self.request(Request::Members { after }).await?;
            let (members, more) = answered!(reply, Reply::Members { members, more } => (members, more))?;
            let last = !more || members.is_empty();
            all.extend(members);
            if last {
                return Ok(all);
            }
        }
    }
}

fn said(image: &[u8]) -> Picture {
    Picture(URL_SAFE_NO_PAD.encode(image))
}

/// A picture, unless it is another one than its id says.
fn heard(reply: Reply) -> Result<(AvatarId, Vec<u8>), RequestError> {
    let Reply::Avatar { avatar, image, .. } = reply else { return Err(RequestError::Unexpected) };
    let bytes = URL_SAFE_NO_PAD.decode(&image.0).map_err(|_| RequestError::Unexpected)?;
    if digest(&SHA256, &bytes).as_ref() != avatar.digest() {
        return Err(RequestError::Unexpected);
    }
    Ok((avatar, bytes))
}
