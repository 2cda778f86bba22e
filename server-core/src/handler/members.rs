//! Who is a member of this host.

use protocol::{MemberId, Reply, limits};

use super::{Answer, Caller, authorise};
use crate::permissions::Operation;
use crate::store::table::members;

pub(crate) async fn page(caller: &Caller, after: Option<MemberId>) -> Answer {
    let asking = caller.member;
    let rows = caller.host.read(move |conn| {
        authorise(conn, asking, Operation::ListMembers)?;
        Ok(members::page(conn, after, limits::LIST_ITEMS + 1)?)
    });
    let mut rows = rows.await?;
    let more = rows.len() > limits::LIST_ITEMS as usize;
    rows.truncate(limits::LIST_ITEMS as usize);
    let shown = |row: members::Row| {
        let online = caller.host.hub.is_online(row.id);
        row.shown(online)
    };
    Ok(Some(Reply::Members { members: rows.into_iter().map(shown).collect(), more }))
}
