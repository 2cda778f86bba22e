//! Telling who came and who went, at most once a second, and who is writing. None of it is stored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{Reply, RoomId};
use tokio::time::{MissedTickBehavior, interval};

use super::{Answer, Caller, authorise_in};
use crate::host::Host;
use crate::permissions::Operation;

/// How long changes are gathered.
const GATHER: Duration = Duration::from_secs(1);

/// Tells presence until the host stops.
pub(crate) async fn tell(host: Arc<Host>) {
    let mut tick = interval(GATHER);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = host.stop.cancelled() => return,
            _ = tick.tick() => {
                host.hub.tell_presence();
                host.typing.forget(Instant::now());
            }
        }
    }
}

/// Tells a room that the caller writes there, unless it was told just now.
pub(crate) async fn typing(caller: &Caller, room: RoomId) -> Answer {
    let member = caller.member;
    caller.host.read(move |conn| authorise_in(conn, member, Operation::Post, room)).await?;
    if caller.host.typing.is_news((room, member), Instant::now()) {
        caller.host.hub.tell_room(room, Reply::Typing { room, member });
    }
    Ok(Some(Reply::Done))
}
