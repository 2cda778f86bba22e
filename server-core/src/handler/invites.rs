//! Who may become a member: invites, and registration without one.

use protocol::{Invite, InviteId, MemberId, Registration, Reply, Role, RoomId, Standing, UnixMillis, limits};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::{Answer, Caller, authorise, authorise_in};
use crate::error::Refusal;
use crate::permissions::{Object, Operation, permit};
use crate::store::table::{audits, host, invites, members};
use crate::store::{Denied, now};
use crate::token;

pub(crate) async fn create(
    caller: &Caller,
    req: u32,
    role: Role,
    (uses, life_ms): (u32, i64),
    rooms: Vec<RoomId>,
) -> Answer {
    check_terms(uses, life_ms)?;
    if rooms.len() > limits::INVITE_ROOMS {
        return Err(Refusal::field("rooms", format!("are too many: at most {}", limits::INVITE_ROOMS)));
    }
    let by = caller.member;
    let (token, hash) = token::fresh()?;
    let work = move |conn: &Connection| -> Result<Invite, Denied> {
        authorise(conn, by, Operation::CreateInvite(role))?;
        for room in &rooms {
            authorise_in(conn, by, Operation::AddToRoom, *room)?;
        }
        let (id, now) = (InviteId(Uuid::now_v7()), now());
        let expires_at = UnixMillis(now.0 + life_ms);
        let row = invites::Row {
            id,
            role,
            uses_left: uses,
            expires_at,
            by: Some(by),
            revoked: false,
            recovers: None,
        };
        invites::insert(conn, &row, &hash, now)?;
        audits::note(conn, Some(by), "invite made", &format!("{id} {}", members::role_name(role)), now)?;
        for room in &rooms {
            invites::add_room(conn, id, *room)?;
        }
        Ok(Invite { id, role, uses_left: uses, expires_at, by, rooms })
    };
    caller.commit(req, work, move |invite, _| Reply::InviteCreated { invite, token }).await
}

/// Whether an invite may be used this often and live this long.
pub(crate) fn check_terms(uses: u32, life_ms: i64) -> Result<(), Refusal> {
    if !(1..=limits::INVITE_USES).contains(&uses) {
        return Err(Refusal::field("uses", format!("must be between 1 and {}", limits::INVITE_USES)));
    }
    if !(1..=limits::INVITE_LIFE_MS).contains(&life_ms) {
        return Err(Refusal::field("life_ms", format!("must be between 1 and {}", limits::INVITE_LIFE_MS)));
    }
    Ok(())
}

pub(crate) async fn list(caller: &Caller) -> Answer {
    let member = caller.member;
    let invites = caller.read(move |conn| {
        authorise(conn, member, Operation::ListInvites)?;
        Ok(invites::living(conn, now(), limits::LIST_ITEMS)?)
    });
    Ok(Some(Reply::Invites { invites: invites.await? }))
}

pub(crate) async fn revoke(caller: &Caller, req: u32, invite: InviteId) -> Answer {
    let member = caller.member;
    let work = move |conn: &Connection| -> Result<(), Denied> {
        authorise(conn, member, Operation::RevokeInvite)?;
        match invites::revoke(conn, invite)? {
            true => Ok(audits::note(conn, Some(member), "invite revoked", &invite.to_string(), now())?),
            false => Err(Refusal::not_found("invite").into()),
        }
    };
    caller.commit(req, work, |(), _| Reply::Done).await
}

/// The rooms into which whoever made an invite could bring somebody today.
pub(crate) fn open_rooms(
    conn: &Connection,
    invite: InviteId,
    by: Option<MemberId>,
) -> Result<Vec<RoomId>, Denied> {
    let rooms = invites::rooms(conn, invite)?;
    let Some(by) = by else { return Ok(rooms) };
    let mut open = Vec::with_capacity(rooms.len());
    for room in rooms {
        match authorise_in(conn, by, Operation::AddToRoom, room) {
            Ok(_) => open.push(room),
            Err(Denied::Refused(_)) => {}
            Err(failed) => return Err(failed),
        }
    }
    Ok(open)
}

/// Ends the invites of an account that could not make them any more: nobody comes in by the word of somebody who has
/// no say.
pub(crate) fn end_those_of(conn: &Connection, account: &members::Row) -> Result<(), Denied> {
    for role in [Role::Admin, Role::Member, Role::Guest] {
        let may = permit(account.role, Operation::CreateInvite(role), Object::Host).is_ok();
        if !may || account.standing != Standing::Active {
            invites::end_of(conn, account.id, role)?;
        }
    }
    Ok(())
}

pub(crate) async fn set_registration(caller: &Caller, req: u32, registration: Registration) -> Answer {
    let member = caller.member;
    let shared = caller.host.clone();
    let work = move |conn: &Connection| -> Result<(), Denied> {
        authorise(conn, member, Operation::SetRegistration)?;
        audits::note(conn, Some(member), "registration set", &format!("{registration:?}"), now())?;
        Ok(host::set_registration(conn, registration)?)
    };
    caller
        .commit(req, work, move |(), _| {
            shared.set_registration(registration);
            Reply::Done
        })
        .await
}
