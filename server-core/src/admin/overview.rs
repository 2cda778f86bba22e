//! What there is: rooms, figures, and who did what.

use super::programs::find_room;
use super::{Administration, Answer, Figures, Room};
use crate::error::Refusal;
use crate::handler::retention::{check_days, said};
use crate::store::figures;
use crate::store::table::{audits, retentions, rooms};
use vault::rusqlite::Connection;

impl Administration {
    pub(super) async fn rooms(&self) -> Result<Answer, Refusal> {
        let (mut all, rules) = self.host.read(|conn| Ok((rooms::all(conn)?, retentions::all(conn)?))).await?;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let days = |id| rules.iter().find(|(room, _)| *room == id).map(|(_, days)| *days);
        let shown = |room: protocol::Room| Room {
            id: room.id,
            days: days(room.id),
            name: room.name,
            visibility: room.visibility,
            members: room.members,
            events: room.head.0,
        };
        Ok(Answer::Rooms { rooms: all.into_iter().map(shown).collect() })
    }

    pub(super) async fn set_retention(&self, room: String, days: Option<u32>) -> Result<Answer, Refusal> {
        check_days(days)?;
        let object = format!("{room}: {}", said(days));
        let work = move |conn: &Connection| {
            let room = find_room(conn, &room)?;
            Ok(retentions::put(conn, room, days)?)
        };
        let host = self.host.clone();
        self.commit(("retention set", object), work, move |(), _| host.rules_changed.notify_one()).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn stats(&self) -> Result<Answer, Refusal> {
        let online = u64::try_from(*self.host.hub.watch_online().borrow()).unwrap_or(u64::MAX);
        let counted = self.host.read(|conn| Ok(figures::count(conn)?)).await?;
        Ok(Answer::Stats(Figures { online, ..counted }))
    }

    pub(super) async fn audit(&self, limit: u32) -> Result<Answer, Refusal> {
        let acts = self.host.read(move |conn| Ok(audits::newest(conn, limit)?)).await?;
        Ok(Answer::Audit { acts })
    }
}
