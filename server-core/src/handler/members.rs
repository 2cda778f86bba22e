//! Who is a member of this host.

use protocol::{MemberId, Reply, limits};

use super::{Answer, Caller, authorise};
use crate::permissions::Operation;
use crate::store::table::members;

pub(crate) async fn page(caller: &Caller, req: u32, after: Option<MemberId>) -> Answer {
    let asking = caller.member;
    loop {
        let since = caller.ends();
        let rows = caller.read(move |conn| {
            authorise(conn, asking, Operation::ListMembers)?;
            Ok(members::page(conn, after, limits::LIST_ITEMS + 1)?)
        });
        let mut rows = rows.await?;
        let more = rows.len() > limits::LIST_ITEMS as usize;
        rows.truncate(limits::LIST_ITEMS as usize);
        let hub = &caller.host.hub;
        let shown = |row: members::Row| {
            let here = hub.availability(row.id);
            protocol::Member { availability: here.unwrap_or_default(), ..row.shown(here.is_some()) }
        };
        let make = || Reply::Members { members: rows.into_iter().map(shown).collect(), more };
        if caller.unless_ended(since, || hub.answer_of_presence(&caller.outlet, req, make)) {
            return Ok(None);
        }
    }
}
