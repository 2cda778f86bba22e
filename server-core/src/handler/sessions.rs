//! A member's own devices and password.

use std::sync::Arc;

use protocol::{CloseCode, Device, DeviceId, ErrorCode, MemberId, Reply, Secret, limits};
use vault::rusqlite::Connection;

use super::{Answer, Caller, role};
use crate::error::Refusal;
use crate::hub::Hub;
use crate::offload::Asker;
use crate::store::table::{audits, members, passwords, sessions};
use crate::store::{Denied, now};

pub(crate) async fn sign_out(caller: &Caller, req: u32) -> Answer {
    let (member, device, connection) = (caller.member, caller.device(), caller.connection);
    let outlet = caller.outlet.clone();
    let work = move |conn: &Connection| Ok(sessions::remove(conn, member, device)?);
    let then = move |removed: Result<bool, Refusal>, hub: &Arc<Hub>| match removed {
        Ok(_) => {
            hub.end_device(member, device, Some(connection));
            hub.answer_last(&outlet, req, Reply::Done, CloseCode::SessionEnded);
        }
        Err(refusal) => outlet.answer(req, Err(refusal)),
    };
    caller.submit(work, then).await?;
    Ok(None)
}

pub(crate) async fn devices(caller: &Caller) -> Answer {
    let (member, current) = (caller.member, caller.device());
    let devices =
        caller.read(move |conn| Ok(sessions::of_member(conn, member, current, limits::LIST_ITEMS)?));
    Ok(Some(Reply::Devices { devices: as_seen(&caller.host.hub, member, devices.await?) }))
}

/// The devices of `member` with when they were last here: what is stored says it of those that went a while ago.
pub(crate) fn as_seen(hub: &Hub, member: MemberId, mut devices: Vec<Device>) -> Vec<Device> {
    for device in &mut devices {
        device.last_seen = hub.last_seen(member, device.id, device.last_seen);
    }
    devices
}

pub(crate) async fn revoke(caller: &Caller, req: u32, device: DeviceId) -> Answer {
    if device == caller.device() {
        return sign_out(caller, req).await;
    }
    let member = caller.member;
    let work = move |conn: &Connection| match sessions::remove(conn, member, device)? {
        true => Ok(()),
        false => Err(Denied::Refused(Refusal::not_found("device"))),
    };
    caller
        .commit(req, work, move |(), hub| {
            hub.end_device(member, device, None);
            Reply::Done
        })
        .await
}

/// Ends my sessions on all other devices.
pub(crate) async fn revoke_others(caller: &Caller, req: u32) -> Answer {
    let (member, device) = (caller.member, caller.device());
    let work = move |conn: &Connection| Ok(sessions::remove_others(conn, member, device)?);
    caller
        .commit(req, work, move |ended, hub| {
            ended.into_iter().for_each(|device| hub.end_device(member, device, None));
            Reply::Done
        })
        .await
}

/// Ends all my sessions, the one that asks last.
pub(crate) async fn revoke_all(caller: &Caller, req: u32) -> Answer {
    let (member, connection, outlet) = (caller.member, caller.connection, caller.outlet.clone());
    let work = move |conn: &Connection| Ok(sessions::remove_all(conn, member)?);
    let then = move |ended: Result<Vec<DeviceId>, Refusal>, hub: &Arc<Hub>| match ended {
        Ok(_) => {
            hub.end_member(member, Some(connection));
            hub.answer_last(&outlet, req, Reply::Done, CloseCode::SessionEnded);
        }
        Err(refusal) => outlet.answer(req, Err(refusal)),
    };
    caller.submit(work, then).await?;
    Ok(None)
}

pub(crate) async fn set_password(
    caller: &Caller,
    req: u32,
    current: Option<Secret>,
    (new, end_others): (Secret, bool),
) -> Answer {
    limits::check_password(&new.0).map_err(|problem| Refusal::field("new", problem))?;
    let (member, device) = (caller.member, caller.device());
    let proven = prove(caller, ("current", current)).await?;
    let limits = caller.host.limits();
    let hash = caller.host.hashing.hash(&limits, Asker::Member(member), &new).await?;
    let work = move |conn: &Connection| {
        role(conn, member)?;
        proven.check(conn, member)?;
        passwords::set(conn, member, &hash, now())?;
        let name = members::by_id(conn, member)?.map(|row| row.name).unwrap_or_default();
        audits::note(conn, Some(member), "password set", &name, now())?;
        Ok(if end_others { sessions::remove_others(conn, member, device)? } else { Vec::new() })
    };
    caller
        .commit(req, work, move |ended, hub| {
            ended.into_iter().for_each(|device| hub.end_device(member, device, None));
            Reply::Done
        })
        .await
}

/// What the member's password was when whoever speaks knew it, or that there was none.
pub(super) struct Proven(Option<String>);

impl Proven {
    /// Whether it is the same still: comparing passwords takes time, in which another device can set a new one.
    pub(super) fn check(&self, conn: &Connection, member: MemberId) -> Result<(), Denied> {
        if passwords::of(conn, member)? == self.0 { Ok(()) } else { Err(wrong().into()) }
    }
}

/// Whether whoever speaks knows the member's password, if there is one, which came in `field`.
/// Without one this is always so.
pub(super) async fn prove(
    caller: &Caller,
    (field, current): (&'static str, Option<Secret>),
) -> Result<Proven, Refusal> {
    let member = caller.member;
    let stored = caller.read(move |conn| Ok(passwords::of(conn, member)?)).await?;
    if let Some(stored) = &stored {
        let current = current.ok_or_else(|| Refusal::field(field, "is needed: a password is set already"))?;
        if current.0.len() > limits::PASSWORD_MAX_BYTES {
            return Err(wrong());
        }
        caller.host.attempt_of(member)?;
        let limits = caller.host.limits();
        if !caller.host.hashing.verify(&limits, Asker::Member(member), &current, Some(stored.clone())).await?
        {
            return Err(wrong());
        }
        caller.host.attempt_of_was_good(member);
    }
    Ok(Proven(stored))
}

fn wrong() -> Refusal {
    Refusal::new(ErrorCode::WrongCredentials, "this is not the current password; check it")
}
