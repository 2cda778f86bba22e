//! Hooks, reports and bots, as those who run a room or the host make and end them. Secrets are said once, in the
//! answer that makes them.

use protocol::{Bot, Hook, HookId, MemberId, Reply, Report, ReportId, RoomId, Secret, limits};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::{Answer, Caller, authorise, authorise_in};
use crate::error::Refusal;
use crate::outgoing::Target;
use crate::permissions::Operation;
use crate::programs::{Introduced, checked_name, checked_url, write_bot, write_hook, write_report};
use crate::store::table::{audits, bots, hooks, members, reports};
use crate::store::{Denied, now};
use crate::token;

pub(crate) async fn hooks(caller: &Caller, room: RoomId) -> Answer {
    let by = caller.member;
    let found = caller.read(move |conn| {
        authorise_in(conn, by, Operation::ListHooks, room)?;
        Ok(hooks::of_room(conn, room)?)
    });
    Ok(Some(Reply::Hooks { hooks: found.await? }))
}

pub(crate) async fn create_hook(caller: &Caller, req: u32, room: RoomId, name: &str) -> Answer {
    let name = checked_name(name)?;
    let (token, hash) = token::fresh()?;
    let (signing_key, _) = token::fresh()?;
    let (id, by, key) = (Uuid::now_v7(), caller.member, signing_key.0.clone());
    let work = move |conn: &Connection| -> Result<Introduced, Denied> {
        authorise_in(conn, by, Operation::ManageHooks, room)?;
        let made = write_hook(conn, (id, room, &name), (&hash, key))?;
        audits::note(conn, Some(by), "hook made", &format!("{id} {name}"), now())?;
        Ok(made)
    };
    caller
        .commit(req, work, move |made, hub| {
            made.tell(hub);
            let (member, name) = (made.member.id, made.member.name);
            let path = Secret(format!("/hooks/{}", token.0));
            Reply::HookCreated { hook: Hook { id: HookId(id), room, member, name }, path, signing_key }
        })
        .await
}

pub(crate) async fn revoke_hook(caller: &Caller, req: u32, room: RoomId, hook: HookId) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<(), Denied> {
        authorise_in(conn, by, Operation::ListHooks, room)?;
        if !hooks::of_room(conn, room)?.iter().any(|found| found.id == hook) {
            return Err(Refusal::not_found("hook").into());
        }
        hooks::remove(conn, hook.0)?;
        Ok(audits::note(conn, Some(by), "hook revoked", &hook.to_string(), now())?)
    };
    caller.commit(req, work, |(), _| Reply::Done).await
}

pub(crate) async fn reports(caller: &Caller, room: RoomId) -> Answer {
    let by = caller.member;
    let found = caller.read(move |conn| {
        authorise_in(conn, by, Operation::ListHooks, room)?;
        Ok(reports::of_room(conn, room)?)
    });
    Ok(Some(Reply::Reports { reports: found.await?.into_iter().map(shown).collect() }))
}

pub(crate) async fn create_report(caller: &Caller, req: u32, room: RoomId, url: Secret) -> Answer {
    let target = checked_url(&url.0)?;
    let (signing_key, _) = token::fresh()?;
    let (id, by, key) = (Uuid::now_v7(), caller.member, signing_key.0.clone());
    let work = move |conn: &Connection| -> Result<reports::Row, Denied> {
        authorise_in(conn, by, Operation::ManageHooks, room)?;
        let row = write_report(conn, (id, room), (url.0, key))?;
        audits::note(conn, Some(by), "report made", &format!("{id} to {}", target.name()), now())?;
        Ok(row)
    };
    caller.commit(req, work, move |row, _| Reply::ReportCreated { report: shown(row), signing_key }).await
}

/// What is done to one of a room's outgoing webhooks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReportAct {
    Resume,
    Revoke,
}

pub(crate) async fn act_on_report(
    caller: &Caller,
    req: u32,
    (room, report): (RoomId, ReportId),
    act: ReportAct,
) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<(), Denied> {
        authorise_in(conn, by, Operation::ListHooks, room)?;
        if !reports::of_room(conn, room)?.iter().any(|found| found.id == report.0) {
            return Err(Refusal::not_found("report").into());
        }
        let noted = match act {
            ReportAct::Resume => reports::resume(conn, report.0).map(|_| "report resumed")?,
            ReportAct::Revoke => reports::remove(conn, report.0).map(|_| "report revoked")?,
        };
        Ok(audits::note(conn, Some(by), noted, &report.to_string(), now())?)
    };
    caller.commit(req, work, |(), _| Reply::Done).await
}

/// A report as the room's admins see it: of its address, only who is there.
fn shown(row: reports::Row) -> Report {
    Report {
        id: ReportId(row.id),
        room: row.room,
        to: Target::read(&row.url).map(|target| target.name().to_owned()).unwrap_or_default(),
        sent: row.sent,
        failures: row.failures,
        problem: Some(row.problem).filter(|problem| !problem.is_empty()),
        given_up: row.given_up,
    }
}

pub(crate) async fn bots(caller: &Caller) -> Answer {
    let by = caller.member;
    let found = caller.read(move |conn| {
        authorise(conn, by, Operation::ManageBots)?;
        Ok(bots::all(conn)?)
    });
    let bots = found.await?.into_iter().map(|(member, name)| Bot { member, name }).collect();
    Ok(Some(Reply::Bots { bots }))
}

pub(crate) async fn create_bot(caller: &Caller, req: u32, name: &str, rooms: Vec<RoomId>) -> Answer {
    let name = checked_name(name)?;
    let mut into = rooms;
    into.sort_unstable();
    into.dedup();
    if into.is_empty() || into.len() > limits::INVITE_ROOMS {
        return Err(Refusal::field("rooms", format!("must be 1 to {}", limits::INVITE_ROOMS)));
    }
    let (token, hash) = token::fresh()?;
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<Introduced, Denied> {
        authorise(conn, by, Operation::ManageBots)?;
        for room in &into {
            authorise_in(conn, by, Operation::AddToRoom, *room)?;
        }
        let made = write_bot(conn, (&name, &into), &hash)?;
        audits::note(conn, Some(by), "bot made", &name, now())?;
        Ok(made)
    };
    caller
        .commit(req, work, move |made, hub| {
            made.tell(hub);
            Reply::BotCreated { bot: Bot { member: made.member.id, name: made.member.name }, token }
        })
        .await
}

pub(crate) async fn revoke_bot(caller: &Caller, req: u32, member: MemberId) -> Answer {
    let by = caller.member;
    let work = move |conn: &Connection| -> Result<(), Denied> {
        authorise(conn, by, Operation::ManageBots)?;
        if !bots::remove(conn, member)? {
            return Err(Refusal::not_found("bot").into());
        }
        let name = members::by_id(conn, member)?.map(|row| row.name).unwrap_or_default();
        Ok(audits::note(conn, Some(by), "bot revoked", &name, now())?)
    };
    caller
        .commit(req, work, move |(), hub| {
            hub.rights().end(member);
            Reply::Done
        })
        .await
}
