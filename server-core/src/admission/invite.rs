//! Coming in by an invite: whether it can be used now, and where it leads today.
//!
//! Refuses to trust what an invite once said: it is read anew at every step, as it stands.

use protocol::{ErrorCode, Role, RoomId, Secret};
use vault::rusqlite::Connection;

use super::account::{account, check_account, check_free};
use super::peer::Peer;
use super::way::Way;
use crate::config::Limits;
use crate::error::Refusal;
use crate::handler::invites::open_rooms;
use crate::host::Host;
use crate::store::table::{invites, memberships};
use crate::store::{Denied, now};
use crate::token;

pub(super) async fn by_invite(
    host: &Host,
    peer: Peer,
    token: &Secret,
    name: String,
    password: Option<Secret>,
) -> Result<Way, Refusal> {
    peer.attempt(host)?;
    check_account(host, &name, password.as_ref())?;
    let hash = token::hash(token);
    let asked = name.clone();
    let recovers = host.read(move |conn| {
        let recovers = usable(conn, &hash)?.recovers.is_some();
        if !recovers {
            check_free(conn, &asked)?;
        }
        Ok(recovers)
    });
    let recovers = recovers.await?;
    if recovers && password.is_none() {
        return Err(Refusal::field("password", "is needed: it becomes the account's new one"));
    }
    let account = account(host, peer, name, password).await?;
    host.attempt_was_good(peer.address, None);
    Ok(if recovers { Way::Recovery(hash, account) } else { Way::Invite(hash, account) })
}

/// The invite of this secret, if it can be used now.
pub(super) fn usable(conn: &Connection, hash: &[u8; 32]) -> Result<invites::Row, Denied> {
    let refusal = |code, message| Err(Denied::Refused(Refusal::new(code, message)));
    match invites::by_token(conn, hash)? {
        None => refusal(ErrorCode::InviteUnknown, "this host does not know the invite; ask for a new one"),
        Some(invite) if invite.revoked => {
            refusal(ErrorCode::InviteRevoked, "the invite was withdrawn; ask for a new one")
        }
        Some(invite) if invite.uses_left == 0 => {
            refusal(ErrorCode::InviteUsed, "the invite was used as often as it may be; ask for a new one")
        }
        Some(invite) if invite.expires_at <= now() => {
            refusal(ErrorCode::InviteExpired, "the invite's time is over; ask for a new one")
        }
        Some(invite) => Ok(invite),
    }
}

/// Where an invite leads today: into those of its rooms that have a place left. A guest's that leads nowhere any more must
/// not lead somewhere else.
pub(super) fn rooms_of(
    conn: &Connection,
    invite: &invites::Row,
    limits: &Limits,
) -> Result<Vec<RoomId>, Denied> {
    let mut rooms = Vec::new();
    for room in open_rooms(conn, invite.id, invite.by)? {
        if memberships::size(conn, room)? < u64::from(limits.members_per_room) {
            rooms.push(room);
        }
    }
    rooms.truncate(limits.rooms_per_member as usize);
    if invite.role == Role::Guest && rooms.is_empty() && !invites::rooms(conn, invite.id)?.is_empty() {
        let message = "the invite leads nowhere any more; ask for a new one";
        return Err(Refusal::new(ErrorCode::InviteRevoked, message).into());
    }
    Ok(rooms)
}
