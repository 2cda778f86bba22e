//! Pictures taken away by the operator, who sees every room: of a member, and of a room in the owner's name.

use protocol::{Event, MemberId, Reply};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::programs::find_room;
use super::{Administration, Answer, accounts};
use crate::error::Refusal;
use crate::handler::accounts::tell_of;
use crate::handler::avatars;
use crate::store::table::{events, members, rooms};
use crate::store::{Denied, now};

impl Administration {
    pub(super) async fn remove_avatar(&self, name: String) -> Result<Answer, Refusal> {
        let asked = name.clone();
        let work = move |conn: &Connection| -> Result<_, Denied> {
            let member = accounts::account(conn, &asked)?.id;
            match avatars::put(conn, member, None)? {
                changed if changed.is_empty() => Err(Refusal::not_found("picture").into()),
                changed => Ok(changed),
            }
        };
        self.commit(("picture removed", name), work, |changed, hub| tell_of(changed.clone(), hub)).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn remove_room_avatar(&self, room: String) -> Result<Answer, Refusal> {
        let asked = room.clone();
        let work = move |conn: &Connection| -> Result<Event, Denied> {
            let nobody = MemberId(Uuid::nil());
            let before = rooms::by_id(conn, find_room(conn, &asked)?, nobody)?;
            let before = before.ok_or_else(|| Refusal::not_found("room"))?;
            let change = avatars::put_of_room(conn, &before, None)?;
            let change = change.ok_or_else(|| Refusal::not_found("picture"))?;
            let owner = members::owner(conn)?.ok_or_else(Refusal::internal)?;
            Ok(events::append(conn, before.id, owner.id, change, now())?)
        };
        let tell = |event: &Event, hub: &std::sync::Arc<crate::hub::Hub>| {
            hub.tell_room(event.room, Reply::Event { event: event.clone() });
        };
        self.commit(("picture of a room removed", room), work, tell).await?;
        Ok(Answer::Done)
    }
}
