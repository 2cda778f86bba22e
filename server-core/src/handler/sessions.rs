//! A member's own devices and password.

use protocol::{CloseCode, DeviceId, ErrorCode, Reply, Secret, limits};
use vault::rusqlite::Connection;

use super::{Answer, Caller, role};
use crate::error::Refusal;
use crate::offload::Asker;
use crate::store::table::{members, passwords, sessions};
use crate::store::{Denied, now};

pub(crate) async fn sign_out(caller: &Caller, req: u32) -> Answer {
    let (member, device, connection) = (caller.member, caller.device, caller.connection);
    let outlet = caller.outlet.clone();
    let work = move |conn: &Connection| Ok(sessions::remove(conn, member, device)?);
    let then = move |removed: Result<bool, Refusal>, hub: &std::sync::Arc<crate::hub::Hub>| {
        let ended = removed.is_ok();
        outlet.answer(req, removed.map(|_| Reply::Done));
        if ended {
            hub.end_device(member, device, Some(connection));
            outlet.close(CloseCode::SessionEnded);
        }
    };
    caller.host.committer.commit(work, then).await?;
    Ok(None)
}

pub(crate) async fn devices(caller: &Caller) -> Answer {
    let (member, current) = (caller.member, caller.device);
    let devices =
        caller.host.read(move |conn| Ok(sessions::of_member(conn, member, current, limits::LIST_ITEMS)?));
    Ok(Some(Reply::Devices { devices: devices.await? }))
}

pub(crate) async fn revoke(caller: &Caller, req: u32, device: DeviceId) -> Answer {
    if device == caller.device {
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
    let (member, device) = (caller.member, caller.device);
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
    let then = move |ended: Result<Vec<DeviceId>, Refusal>, hub: &std::sync::Arc<crate::hub::Hub>| {
        let closes = ended.is_ok();
        outlet.answer(req, ended.map(|_| Reply::Done));
        if closes {
            hub.end_member(member, Some(connection));
            outlet.close(CloseCode::SessionEnded);
        }
    };
    caller.host.committer.commit(work, then).await?;
    Ok(None)
}

pub(crate) async fn set_password(
    caller: &Caller,
    req: u32,
    current: Option<Secret>,
    (new, end_others): (Secret, bool),
) -> Answer {
    limits::check_password(&new.0).map_err(|problem| Refusal::field("new", problem))?;
    let (member, device) = (caller.member, caller.device);
    prove(caller, current).await?;
    let limits = caller.host.limits();
    let hash = caller.host.hashing.hash(&limits, Asker::Member(member), &new).await?;
    let work = move |conn: &Connection| {
        role(conn, member)?;
        passwords::set(conn, member, &hash, now())?;
        Ok(if end_others { sessions::remove_others(conn, member, device)? } else { Vec::new() })
    };
    caller
        .commit(req, work, move |ended, hub| {
            ended.into_iter().for_each(|device| hub.end_device(member, device, None));
            Reply::Done
        })
        .await
}

/// Whether whoever speaks knows the member's password, if there is one.
/// Without one this is always so.
pub(super) async fn prove(caller: &Caller, current: Option<Secret>) -> Result<(), Refusal> {
    let member = caller.member;
    let known = caller.host.read(move |conn| {
        let folded = members::by_id(conn, member)?.map(|row| crate::names::fold(&row.name));
        Ok((folded.unwrap_or_default(), passwords::of(conn, member)?))
    });
    let (folded, stored) = known.await?;
    if let Some(stored) = stored {
        let current =
            current.ok_or_else(|| Refusal::field("current", "is needed: a password is set already"))?;
        if current.0.len() > limits::PASSWORD_MAX_BYTES {
            return Err(wrong());
        }
        caller.host.attempt_at(&folded)?;
        let limits = caller.host.limits();
        if !caller.host.hashing.verify(&limits, Asker::Member(member), &current, Some(stored)).await? {
            return Err(wrong());
        }
        caller.host.attempt_at_was_good(&folded);
    }
    Ok(())
}

fn wrong() -> Refusal {
    Refusal::new(ErrorCode::WrongCredentials, "this is not the current password; check it")
}
