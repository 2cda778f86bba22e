//! The last step of every sign-in, on the write path: what it wrote is committed, then the connection takes its seat.
//!
//! Refuses to seat anybody before the commit, or later than in commit order: something would be missed, or heard twice.

use std::sync::Arc;

use protocol::{CloseCode, Reply, Role, Secret, SignedIn};
use tokio::sync::oneshot;
use vault::rusqlite::Connection;

use super::entry::{Entered, write_entry};
use super::way::Way;
use super::{Admission, check_place};
use crate::enrolment;
use crate::error::Refusal;
use crate::host::Host;
use crate::hub::{Hub, Outlet};
use crate::store::{Denied, now, stopping};

pub(super) async fn enter(
    host: Arc<Host>,
    outlet: Arc<Outlet>,
    req: u32,
    (way, token): (Way, (Secret, [u8; 32])),
    (device, address): (String, String),
    spared: bool,
) -> Result<Admission, Refusal> {
    let limits = host.limits();
    let here = way.member().map(|member| host.hub.devices_of(member)).unwrap_or_default();
    let work =
        move |conn: &Connection| write_entry(conn, way, (&device, &address), token, (&limits, &here), now());
    commit_entry(host, outlet, req, spared, work).await
}

/// Lets in whom `work` has written or found, after the commit.
pub(super) async fn commit_entry(
    host: Arc<Host>,
    outlet: Arc<Outlet>,
    req: u32,
    spared: bool,
    work: impl FnOnce(&Connection) -> Result<Entered, Denied> + Send + 'static,
) -> Result<Admission, Refusal> {
    let (answer, admitted) = oneshot::channel();
    let (shared, asking) = (Arc::clone(&host), Arc::clone(&host));
    let work = move |conn: &Connection| {
        let entered = work(conn)?;
        let asked = asking.live.load().second_factor;
        let missing = enrolment::is_missing(conn, asked, (entered.member.id, entered.member.role))?;
        Ok(Entered { asked: (asked, missing), ..entered })
    };
    let then = move |entered: Result<Entered, Refusal>, hub: &Arc<Hub>| {
        let entered = entered.and_then(|entered| match spared {
            // Of many at once, each found a place before the others had taken it.
            false if entered.token.is_none() => check_place(&shared, entered.member.id).map(|()| entered),
            _ => Ok(entered),
        });
        // If the connection ended meanwhile, the admission comes back and its drop is the departure.
        drop(answer.send(entered.map(|entered| admit(&shared, hub, &outlet, req, entered))));
    };
    host.committer.commit(work, then).await?;
    admitted.await.unwrap_or_else(|_| Err(stopping()))
}

/// After the commit: answers, lets the connection hear, and tells the others of a new member.
fn admit(host: &Host, hub: &Arc<Hub>, outlet: &Arc<Outlet>, req: u32, entered: Entered) -> Admission {
    let (member, device) = (entered.member.id, entered.device);
    let (role, (asked, missing)) = (entered.member.role, entered.asked);
    if entered.member.role == Role::Owner {
        host.owner_came();
    }
    entered.ended.iter().for_each(|device| hub.end_device(member, *device, None));
    let rooms = entered.rooms.iter().map(|room| room.id).collect::<Vec<_>>();
    let shown = entered.member.shown(!missing);
    let is_told_once = entered.token.is_some();
    let signed_in = SignedIn {
        member: shown.clone(),
        device,
        token: entered.token,
        rooms: if missing { Vec::new() } else { entered.rooms },
        registration: host.registration(),
        has_password: entered.has_password,
        progress: if missing { Vec::new() } else { entered.progress },
        second_factor_missing: missing,
    };
    outlet.answer(req, Ok(Reply::SignedIn(signed_in)));
    if entered.made {
        hub.tell_everyone(Reply::Member { member: shown });
    }
    let seat = match missing {
        true => hub.set_aside(member, device, Arc::clone(outlet)),
        false => hub.admit(member, device, rooms, Arc::clone(outlet)),
    };
    // A reload that came between the question and the seat has not seen this connection.
    if host.live.load().second_factor.is_asked_of(role) != asked.is_asked_of(role) {
        // A token is said this once; what else waits can be had again.
        if is_told_once { outlet.close(CloseCode::SignInAgain) } else { outlet.cut(CloseCode::SignInAgain) }
    }
    for event in entered.events {
        hub.tell_room(event.room, Reply::Event { event });
    }
    Admission { seat, member, device }
}
