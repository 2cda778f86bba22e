//! A member's own view of the others: contacts, and whom they let not write to them. Nobody else sees it.

use protocol::{MemberId, Reply, Standing};
use vault::rusqlite::Connection;

use super::{Answer, Caller, role};
use crate::error::Refusal;
use crate::store::table::members;
use crate::store::table::relations::{self, Kind};
use crate::store::{Denied, now};

/// Says whether another member is of a kind for me.
pub(crate) async fn set(caller: &Caller, req: u32, other: MemberId, (kind, holds): (Kind, bool)) -> Answer {
    let (member, connection) = (caller.member, caller.connection);
    if other == member {
        return Err(Refusal::field("member", "must be somebody else"));
    }
    let work = move |conn: &Connection| -> Result<Reply, Denied> {
        role(conn, member)?;
        let there = members::by_id(conn, other)?.is_some_and(|row| row.standing != Standing::Gone);
        if !there {
            return Err(Refusal::not_found("member").into());
        }
        relations::set(conn, (member, other), kind, holds, now())?;
        read(conn, member)
    };
    caller
        .commit(req, work, move |people, hub| {
            if (kind, holds) == (Kind::Blocked, true) {
                [member, other].into_iter().for_each(|one| hub.rights().end(one));
            }
            hub.tell_member(member, Some(connection), people);
            Reply::Done
        })
        .await
}

pub(crate) async fn mine(caller: &Caller) -> Answer {
    let member = caller.member;
    Ok(Some(caller.read(move |conn| read(conn, member)).await?))
}

fn read(conn: &Connection, member: MemberId) -> Result<Reply, Denied> {
    Ok(Reply::People {
        contacts: relations::of(conn, member, Kind::Contact)?,
        blocked: relations::of(conn, member, Kind::Blocked)?,
    })
}
