//! Accounts: how they are called, what they may do, whether they stand, and their end.

use std::sync::Arc;

use protocol::limits::{STATUS_MS, check_emoji};
use protocol::{
    Change, CloseCode, ErrorCode, Event, Member, MemberId, Reply, Role, Secret, Standing, UnixMillis,
};
use vault::rusqlite::Connection;

use super::invites::end_those_of;
use super::{Answer, Caller, role, sessions as own_sessions, succession};
use crate::config::Limits;
use crate::enrolment;
use crate::error::Refusal;
use crate::hub::Hub;
use crate::names::is_reserved;
use crate::permissions::{Object, Operation, permit};
use crate::programs::refuse_programs;
use crate::store::table::members::Status;
use crate::store::table::{
    audits, events, marks, members, memberships, passwords, relations, rooms, second_factors, sessions,
};
use crate::store::{Denied, is_taken, now};

pub(crate) async fn set_profile(caller: &Caller, req: u32, name: &str, status: Status) -> Answer {
    let name = caller.host.limits().name(name)?.to_owned();
    let status = checked(&caller.host.limits(), status, now())?;
    if is_reserved(&name) {
        return Err(name_taken());
    }
    let member = caller.member;
    let host = Arc::clone(&caller.host);
    let work = move |conn: &Connection| -> Result<Option<members::Row>, Denied> {
        role(conn, member)?;
        if members::by_id(conn, member)?.is_some_and(|row| row.name == name && row.status == status) {
            return Ok(None);
        }
        members::rename(conn, member, &name)
            .map_err(|error| if is_taken(&error) { Denied::Refused(name_taken()) } else { error.into() })?;
        members::set_status(conn, member, &status)?;
        Ok(members::by_id(conn, member)?)
    };
    caller
        .commit(req, work, move |changed, hub| {
            if changed.iter().any(|row| row.status.until.is_some()) {
                host.statuses_changed.notify_one();
            }
            tell_of(changed, hub);
            Reply::Done
        })
        .await
}

/// A status that may be said at this moment.
fn checked(limits: &Limits, status: Status, now: UnixMillis) -> Result<Status, Refusal> {
    let text = limits.topic("status", &status.text)?.to_owned();
    if !status.emoji.is_empty() {
        check_emoji(&status.emoji).map_err(|problem| Refusal::field("status_emoji", problem))?;
    }
    let status = Status { text, ..status };
    if let Some(until) = status.until {
        if !(1..=STATUS_MS).contains(&until.0.saturating_sub(now.0)) {
            return Err(Refusal::field("status_until", "must be later than now, and within 366 days"));
        }
        if status.is_empty() {
            return Err(Refusal::field("status_until", "goes with a status or an emoji"));
        }
    }
    Ok(status)
}

pub(crate) async fn set_role(caller: &Caller, req: u32, member: MemberId, new: Role) -> Answer {
    let by = caller.member;
    let asking = Arc::clone(&caller.host);
    let work = move |conn: &Connection| -> Result<(Changed, bool), Denied> {
        let asked = asking.live.load().second_factor;
        let before = authorise_to(conn, by, Operation::SetRole(new), member)?;
        check_active(&before)?;
        if new != Role::Guest {
            refuse_programs(conn, member)?;
        }
        let mut changed = vec![member];
        if new == Role::Owner {
            // A host has one owner: who hands it over becomes an administrator.
            members::set_role(conn, by, Role::Admin)?;
            changed.insert(0, by);
        }
        members::set_role(conn, member, new)?;
        let object = format!("{} {}", before.name, members::role_name(new));
        audits::note(conn, Some(by), "role set", &object, now())?;
        let events = succession::hand_all_on(conn, member, by)?;
        let turned = enrolment::has_turned(conn, asked, member, (before.role, new))?;
        Ok(((as_changed(conn, &changed)?, events), turned))
    };
    caller
        .commit(req, work, move |(changed, turned), hub| {
            let reply = tell_changed(changed, hub);
            if turned {
                hub.call_again(member);
            }
            reply
        })
        .await
}

/// Whether an account may be given a role: one that is put aside would be an owner whom nobody can let in.
pub(crate) fn check_active(account: &members::Row) -> Result<(), Denied> {
    match account.standing {
        Standing::Active => Ok(()),
        _ => Err(Refusal::forbidden("this account is not active; let it in again first").into()),
    }
}

/// These accounts as they are now, without the invites that they could not make any more.
pub(crate) fn as_changed(conn: &Connection, changed: &[MemberId]) -> Result<Vec<members::Row>, Denied> {
    let mut rows = Vec::with_capacity(changed.len());
    for member in changed {
        if let Some(row) = members::by_id(conn, *member)? {
            end_those_of(conn, &row)?;
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Members as they are now, and what that did to rooms.
type Changed = (Vec<members::Row>, Vec<Event>);

fn tell_changed((changed, events): Changed, hub: &Hub) -> Reply {
    changed.iter().for_each(|row| hub.rights().end(row.id));
    events.into_iter().for_each(|event| hub.tell_room(event.room, Reply::Event { event }));
    tell_of(changed, hub);
    Reply::Done
}

pub(crate) async fn set_standing(caller: &Caller, req: u32, member: MemberId, standing: Standing) -> Answer {
    if standing == Standing::Gone {
        return Err(Refusal::field("standing", "must be active, deactivated or banned"));
    }
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Changed, Denied> {
        let before = authorise_to(conn, by, Operation::SetStanding, member)?;
        members::set_standing(conn, member, standing)?;
        if standing != Standing::Active {
            sessions::remove_all(conn, member)?;
        }
        let events = succession::hand_all_on(conn, member, by)?;
        let act = match standing {
            Standing::Active => "account let in again",
            Standing::Deactivated => "account deactivated",
            Standing::Banned | Standing::Gone => "account banned",
        };
        audits::note(conn, Some(by), act, &before.name, now())?;
        Ok((as_changed(conn, &[member])?, events))
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
pub(crate) fn tell_of(changed: impl IntoIterator<Item = members::Row>, hub: &Hub) {
    for row in changed {
        hub.tell_everyone_of_presence(|| {
            let here = hub.availability(row.id).filter(|_| row.standing == Standing::Active);
            let member = Member { availability: here.unwrap_or_default(), ..row.shown(here.is_some()) };
            Reply::Member { member }
        });
    }
}

pub(crate) async fn delete(caller: &Caller, req: u32, member: MemberId, password: Option<Secret>) -> Answer {
    let (by, connection, outlet) = (caller.member, caller.connection, caller.outlet.clone());
    let own = member == by;
    let proven = if own { Some(own_sessions::prove(caller, ("password", password)).await?) } else { None };
    let work = move |conn: &Connection| -> Result<Changed, Denied> {
        let before = authorise_to(conn, by, Operation::DeleteAccount, member)?;
        proven.map_or(Ok(()), |proven| proven.check(conn, by))?;
        let events = bury(conn, (member, by))?;
        audits::note(conn, Some(by), "account deleted", &before.name, now())?;
        Ok((as_changed(conn, &[member])?, events))
    };
    let then = move |made: Result<Changed, Refusal>, hub: &Arc<Hub>| {
        let (changed, events) = match made {
            Ok(made) => made,
            Err(refusal) => return outlet.answer(req, Err(refusal)),
        };
        hub.end_member(member, Some(connection));
        for event in events {
            hub.leave(event.room, member);
            hub.tell_room(event.room, Reply::Event { event });
        }
        tell_of(changed, hub);
        match own {
            true => hub.answer_last(&outlet, req, Reply::Done, CloseCode::SessionEnded),
            false => hub.answer(&outlet, req, Ok(Reply::Done)),
        }
    };
    caller.submit(work, then).await?;
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
    marks::forget(conn, member)?;
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

/// To a name that another member has, or that says something else.
pub(crate) fn name_taken() -> Refusal {
    Refusal::new(ErrorCode::NameTaken, "this name is taken; choose another one")
}
