//! For how long a room keeps what is said in it.

use protocol::{Reply, RoomId, limits};
use vault::rusqlite::Connection;

use super::{Answer, Caller, authorise_in};
use crate::error::Refusal;
use crate::permissions::Operation;
use crate::store::table::{audits, retentions};
use crate::store::{Denied, now};

pub(crate) async fn of(caller: &Caller, room: RoomId) -> Answer {
    let by = caller.member;
    let days = caller.read(move |conn| {
        authorise_in(conn, by, Operation::ReadRoom, room)?;
        Ok(retentions::of_room(conn, room)?)
    });
    Ok(Some(Reply::Retention { room, days: days.await? }))
}

pub(crate) async fn set(caller: &Caller, req: u32, room: RoomId, days: Option<u32>) -> Answer {
    check_days(days)?;
    let (by, host) = (caller.member, caller.host.clone());
    let work = move |conn: &Connection| -> Result<(), Denied> {
        authorise_in(conn, by, Operation::SetRetention, room)?;
        retentions::put(conn, room, days)?;
        Ok(audits::note(conn, Some(by), "retention set", &format!("{room}: {}", said(days)), now())?)
    };
    caller
        .commit(req, work, move |(), _| {
            host.rules_changed.notify_one();
            Reply::Retention { room, days }
        })
        .await
}

/// Whether a room may be told to keep what is said for this long.
pub(crate) fn check_days(days: Option<u32>) -> Result<(), Refusal> {
    match days {
        Some(days) if !(1..=limits::RETENTION_DAYS).contains(&days) => {
            Err(Refusal::field("days", format!("must be between 1 and {}", limits::RETENTION_DAYS)))
        }
        _ => Ok(()),
    }
}

/// For the audit log.
pub(crate) fn said(days: Option<u32>) -> String {
    days.map_or("for good".to_owned(), |days| format!("{days} days"))
}
