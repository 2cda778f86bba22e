//! What there is: rooms, figures, and who did what.

use super::{Administration, Answer, Figures, Room};
use crate::error::Refusal;
use crate::store::figures;
use crate::store::table::{audits, rooms};

impl Administration {
    pub(super) async fn rooms(&self) -> Result<Answer, Refusal> {
        let shown = |room: protocol::Room| Room {
            id: room.id,
            name: room.name,
            visibility: room.visibility,
            members: room.members,
            events: room.head.0,
        };
        let mut all = self.host.read(|conn| Ok(rooms::all(conn)?)).await?;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Answer::Rooms { rooms: all.into_iter().map(shown).collect() })
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
