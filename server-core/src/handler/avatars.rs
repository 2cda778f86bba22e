//! Pictures of members and rooms: given, taken away, shown. What may be kept of what is sent is for `pictures` to say.

use protocol::{Change, MemberId, Picture, Reply, Room, RoomId, Standing};
use vault::rusqlite::Connection;

use super::accounts::{authorise_to, tell_of};
use super::{Answer, Caller, authorise, authorise_in, role, room_settings};
use crate::error::Refusal;
use crate::hub::Hub;
use crate::permissions::Operation;
use crate::pictures::Avatar;
use crate::store::table::{audits, avatars, members};
use crate::store::{Denied, now};

/// Gives the caller a picture, or takes theirs away.
pub(crate) async fn set(caller: &Caller, req: u32, image: Option<Picture>) -> Answer {
    let member = caller.member;
    let picture = made(caller, image).await?;
    let work = move |conn: &Connection| -> Result<Vec<members::Row>, Denied> {
        role(conn, member)?;
        put(conn, member, picture.as_ref())
    };
    caller.commit(req, work, told).await
}

/// Takes the picture of a member away.
pub(crate) async fn remove(caller: &Caller, req: u32, member: MemberId) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Vec<members::Row>, Denied> {
        let before = authorise_to(conn, by, Operation::RemoveAvatar, member)?;
        let changed = put(conn, member, None)?;
        if by != member && !changed.is_empty() {
            audits::note(conn, Some(by), "picture removed", &before.name, now())?;
        }
        Ok(changed)
    };
    caller.commit(req, work, told).await
}

fn told(changed: Vec<members::Row>, hub: &Hub) -> Reply {
    tell_of(changed, hub);
    Reply::Done
}

/// The member as they are now, if that is news.
pub(crate) fn put(
    conn: &Connection,
    member: MemberId,
    picture: Option<&Avatar>,
) -> Result<Vec<members::Row>, Denied> {
    let shows = members::by_id(conn, member)?.and_then(|row| row.avatar);
    if shows.as_ref() == picture.map(|picture| &picture.id) {
        return Ok(Vec::new());
    }
    avatars::put_of_member(conn, member, picture)?;
    Ok(members::by_id(conn, member)?.into_iter().collect())
}

/// Gives a room a picture, or takes it away.
pub(crate) async fn set_of_room(caller: &Caller, req: u32, room: RoomId, image: Option<Picture>) -> Answer {
    let (member, operation) = (caller.member, Operation::SetRoomAvatar);
    // Whoever may not, has nothing looked at.
    caller.read(move |conn| authorise_in(conn, member, operation, room)).await?;
    let picture = made(caller, image).await?;
    let write = move |conn: &Connection, before: &Room| put_of_room(conn, before, picture.as_ref());
    room_settings::change(caller, req, (room, operation), write).await
}

/// What that changes on the room's log, if anything.
pub(crate) fn put_of_room(
    conn: &Connection,
    before: &Room,
    picture: Option<&Avatar>,
) -> Result<Option<Change>, Denied> {
    let avatar = picture.map(|picture| picture.id.clone());
    if before.avatar == avatar {
        return Ok(None);
    }
    avatars::put_of_room(conn, before.id, picture)?;
    Ok(Some(Change::AvatarSet { avatar }))
}

/// The picture of a member.
pub(crate) async fn of_member(caller: &Caller, member: MemberId) -> Answer {
    let asking = caller.member;
    let found = caller.read(move |conn| {
        authorise(conn, asking, Operation::ListMembers)?;
        let there = members::account(conn, member)?.is_some_and(|(_, standing)| standing != Standing::Gone);
        if !there {
            return Err(Refusal::not_found("member").into());
        }
        shown(avatars::of_member(conn, member)?)
    });
    Ok(Some(found.await?))
}

/// The picture of a room.
pub(crate) async fn of_room(caller: &Caller, room: RoomId) -> Answer {
    let asking = caller.member;
    let found = caller.read(move |conn| {
        authorise_in(conn, asking, Operation::SeeRoom, room)?;
        shown(avatars::of_room(conn, room)?)
    });
    Ok(Some(found.await?))
}

async fn made(caller: &Caller, image: Option<Picture>) -> Result<Option<Avatar>, Refusal> {
    let Some(image) = image else { return Ok(None) };
    caller.host.pictures.make(&caller.host.limits(), caller.member, image).await.map(Some)
}

fn shown(picture: Option<Avatar>) -> Result<Reply, Denied> {
    let picture = picture.ok_or_else(|| Refusal::not_found("picture"))?;
    let (media_type, image) = picture.shown();
    Ok(Reply::Avatar { avatar: picture.id, media_type: media_type.to_owned(), image })
}
