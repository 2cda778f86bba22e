//! Accounts: how they are called, what they may do, whether they stand, and their end.

use std::sync::Arc;

use protocol::{Change, CloseCode, ErrorCode, Event, Member, MemberId, Reply, Role, Secret, Standing};
use vault::rusqlite::Connection;

use super::{Answer, Caller, role, sessions as own_sessions, succession};
use crate::error::Refusal;
use crate::hub::Hub;
use crate::permissions::{Object, Operation, permit};
use crate::store::table::{
    audits, events, members, memberships, passwords, relations, rooms, second_factors, sessions,
};
use crate::store::{Denied, is_taken, now};

pub(crate) async fn set_profile(caller: &Caller, req: u32, name: &str, status: &str) -> Answer {
    let name = caller.host.limits().name(name)?.to_owned();
    let status = caller.host.limits().topic("status", status)?.to_owned();
    let member = caller.member;
    let work = move |conn: &Connection| -> Result<Vec<members::Row>, Denied> {
        role(conn, member)?;
        members::set_profile(conn, member, &name, &status)
            .map_err(|error| if is_taken(&error) { Denied::Refused(name_taken()) } else { error.into() })?;
        Ok(members::by_id(conn, member)?.into_iter().collect())
    };
    caller.commit(req, work, tell_of).await
}

pub(crate) async fn set_role(caller: &Caller, req: u32, member: MemberId, new: Role) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Changed, Denied> {
        let before = authorise_to(conn, by, Operation::SetRole(new), member)?;
        if before.standing != Standing::Active {
            return Err(Refusal::forbidden("this account is not active; let it in again first").into());
        }
        let mut changed = vec![member];
        if new == Role::Owner {
            // A host has one owner: who hands it over becomes an administrator.
            members::set_role(conn, by, Role::Admin)?;
            changed.insert(0, by);
        }
        members::set_role(conn, member, new)?;
        audits::note(conn, Some(by), "role set", &before.name, now())?;
        let events = if new == Role::Guest { succession::hand_all_on(conn, member, by)? } else { Vec::new() };
        let rows = changed.into_iter().map(|id| members::by_id(conn, id));
        Ok((rows.collect::<vault::rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect(), events))
    };
    caller.commit(req, work, tell_changed).await
}

/// Members as they are now, and what that did to rooms.
type Changed = (Vec<members::Row>, Vec<Event>);

fn tell_changed((changed, events): Changed, hub: &Hub) -> Reply {
    events.into_iter().for_each(|event| hub.tell_room(event.room, Reply::Event { event }));
    tell_of(changed, hub)
}

pub(crate) async fn set_standing(caller: &Caller, req: u32, member: MemberId, standing: Standing) -> Answer {
    if standing == Standing::Gone {
        return Err(Refusal::field("standing", "must be active, deactivated or banned"));
    }
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Changed, Denied> {
        let before = authorise_to(conn, by, Operation::SetStanding, member)?;
        members::set_standing(conn, member, standing)?;
        let mut events = Vec::new();
        if standing != Standing::Active {
            sessions::remove_all(conn, member)?;
            events = succession::hand_all_on(conn, member, by)?;
        }
        let act = match standing {
            Standing::Active => "account let in again",
            Standing::Deactivated => "account deactivated",
            Standing::Banned | Standing::Gone => "account banned",
        };
        audits::note(conn, Some(by), act, &before.name, now())?;
        Ok((members::by_id(conn, member)?.into_iter().collect(), events))
    };
    caller
        .commit(req, work, move |changed, hub| {
            if standing != Standing::Active {
                hub.end_member(member, None);
            }
            tell_changed(changed, hub)
        })
        .await
}

/// Everyone hears how these members are now.
pub(crate) fn tell_of(changed: Vec<members::Row>, hub: &Hub) -> Reply {
    for row in changed {
        let here = hub.availability(row.id).filter(|_| row.standing == Standing::Active);
        let member = Member { availability: here.unwrap_or_default(), ..row.shown(here.is_some()) };
        hub.tell_everyone(Reply::Member { member });
    }
    Reply::Done
}

pub(crate) async fn delete(caller: &Caller, req: u32, member: MemberId, password: Option<Secret>) -> Answer {
    let (by, connection, outlet) = (caller.member, caller.connection, caller.outlet.clone());
    if member == by {
        own_sessions::prove(caller, password).await?;
    }
    let work = move |conn: &Connection| -> Result<(Vec<Event>, Option<members::Row>), Denied> {
        let before = authorise_to(conn, by, Operation::DeleteAccount, member)?;
        let events = bury(conn, (member, by))?;
        audits::note(conn, Some(by), "account deleted", &before.name, now())?;
        Ok((events, members::by_id(conn, member)?))
    };
    let then = move |made: Result<(Vec<Event>, Option<members::Row>), Refusal>, hub: &Arc<Hub>| {
        let made = match made {
            Ok(made) => made,
            Err(refusal) => return outlet.answer(req, Err(refusal)),
        };
        hub.end_member(member, Some(connection));
        for event in made.0 {
            hub.leave(event.room, member);
            hub.tell_room(event.room, Reply::Event { event });
        }
        tell_of(made.1.into_iter().collect(), hub);
        outlet.answer(req, Ok(Reply::Done));
        if member == by {
            outlet.close(CloseCode::SessionEnded);
        }
    };
    caller.host.committer.commit(work, then).await?;
    Ok(None)
}

/// Takes a member out of everything; what they wrote stays.
fn bury(conn: &Connection, (member, by): (MemberId, MemberId)) -> Result<Vec<Event>, Denied> {
    let mut left = Vec::new();
    for room in rooms::of_member(conn, member, u32::MAX)? {
        memberships::remove(conn, room.id, member)?;
        left.push(events::append(conn, room.id, by, Change::Left { member }, now())?);
        left.extend(succession::hand_on(conn, room.id, by)?);
    }
    forget(conn, member)?;
    Ok(left)
}

/// Takes everything away from an account but its id.
pub(crate) fn forget(conn: &Connection, member: MemberId) -> vault::rusqlite::Result<()> {
    sessions::remove_all(conn, member)?;
    passwords::remove(conn, member)?;
    second_factors::remove(conn, member)?;
    relations::forget(conn, member)?;
    members::bury(conn, member)
}

/// Whether `by` may do `operation` to the account of `member`; gives that account.
pub(super) fn authorise_to(
    conn: &Connection,
    by: MemberId,
    operation: Operation,
    member: MemberId,
) -> Result<members::Row, Denied> {
    let own_role = role(conn, by)?;
    let row = members::by_id(conn, member)?.filter(|row| row.standing != Standing::Gone);
    let row = row.ok_or_else(|| Refusal::not_found("member"))?;
    permit(own_role, operation, Object::Member { role: row.role, own: member == by })?;
    Ok(row)
}

fn name_taken() -> Refusal {
    Refusal::new(ErrorCode::NameTaken, "another member has this name; choose another one")
}
