//! Private rooms keep somebody who runs them: nobody outside could help those inside.
//!
//! When the last admin leaves, is taken out, is put aside or becomes a guest, whoever of the others has been in the
//! room longest takes over; guests never do. A room of guests alone stays without, until one of them is none any more.

use protocol::{Change, Event, MemberId, RoomId, RoomRole};
use vault::rusqlite::Connection;

use crate::store::table::{events, memberships, rooms};
use crate::store::{Denied, now};

/// Names a new admin if nobody runs `room` any more, by the doing of `by`.
pub(crate) fn hand_on(conn: &Connection, room: RoomId, by: MemberId) -> Result<Option<Event>, Denied> {
    let Some(member) = memberships::heir(conn, room)? else { return Ok(None) };
    memberships::set_role(conn, room, member, RoomRole::Admin)?;
    Ok(Some(events::append(conn, room, by, Change::RoleSet { member, role: RoomRole::Admin }, now())?))
}

/// The same for all rooms of a member who can run none any more, or some again.
pub(crate) fn hand_all_on(conn: &Connection, member: MemberId, by: MemberId) -> Result<Vec<Event>, Denied> {
    let rooms = rooms::of_member(conn, member, u32::MAX)?.into_iter();
    let handed = rooms.map(|room| hand_on(conn, room.id, by)).collect::<Result<Vec<_>, Denied>>()?;
    Ok(handed.into_iter().flatten().collect())
}
