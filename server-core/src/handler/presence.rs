//! How members are here, told at most once a second (less often to many thousands), and who is writing. None of it is stored but when a device went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{Availability, MemberId, Reply, Role, RoomId, Seen, Standing, UnixMillis, limits};
use tokio::time::{MissedTickBehavior, interval};

use super::{Answer, Caller, authorise, authorise_in, role};
use crate::error::Refusal;
use crate::host::Host;
use crate::hub::presence::Mood;
use crate::permissions::Operation;
use crate::store::now;
use crate::store::table::{members, memberships, relations, sessions};

/// How long changes are gathered.
const GATHER: Duration = Duration::from_secs(1);

/// Tells presence until the host stops.
pub(crate) async fn tell(host: Arc<Host>) {
    let mut tick = interval(GATHER);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = host.stop.cancelled() => return,
            _ = tick.tick() => {
                let moment = Instant::now();
                if host.hub.tell_presence(now(), moment - told) {
                    told = moment;
                }
                host.typing.forget(moment);
            }
        }
    }
}

/// Says how the caller's member is to be reached, as far as this device can tell.
pub(crate) fn set(caller: &Caller, availability: Availability, until: Option<UnixMillis>) -> Answer {
    let mood = match (availability, until) {
        (Availability::Active, None) => Mood::Active,
        (Availability::Idle, None) => Mood::Idle,
        (Availability::DoNotDisturb, None) => Mood::Busy(None),
        (Availability::DoNotDisturb, Some(until)) => {
            let life = until.0.saturating_sub(now().0);
            if !(1..=limits::BUSY_MS).contains(&life) {
                return Err(Refusal::field("until", "must be later than now, and within 366 days"));
            }
            Mood::Busy(Some(until))
        }
        _ => return Err(Refusal::field("until", "goes with do_not_disturb only")),
    };
    caller.host.hub.say(caller.connection, mood);
    Ok(Some(Reply::Done))
}

/// Says whether members are here, and when they last were: not to whom they blocked or who blocked them, and not to a
/// guest who meets them in no room.
pub(crate) async fn seen(caller: &Caller, mut asked: Vec<MemberId>) -> Answer {
    asked.sort_unstable();
    asked.dedup();
    if asked.is_empty() || asked.len() > limits::SEEN_MEMBERS {
        let problem = format!("must be 1 to {}", limits::SEEN_MEMBERS);
        return Err(Refusal::field("members", problem));
    }
    let (asking, hub) = (caller.member, Arc::clone(&caller.host.hub));
    let seen = caller.read(move |conn| {
        authorise(conn, asking, Operation::ListMembers)?;
        let guest = role(conn, asking)? == Role::Guest;
        let mut seen = Vec::with_capacity(asked.len());
        for member in asked {
            let there = members::by_id(conn, member)?.filter(|row| row.standing == Standing::Active);
            if there.is_none() {
                continue;
            }
            let here = hub.availability(member);
            let hidden = here.is_some()
                || relations::is_blocked(conn, asking, member)?
                || (guest && !memberships::meet(conn, asking, member)?);
            let devices = if hidden { Vec::new() } else { sessions::last_seen(conn, member)? };
            let last_seen = devices.iter().map(|(device, at)| hub.last_seen(member, *device, *at)).max();
            let online = here.is_some();
            seen.push(Seen { member, online, availability: here.unwrap_or_default(), last_seen });
        }
        Ok(seen)
    });
    Ok(Some(Reply::Seen { members: seen.await? }))
}

/// Tells a room that the caller writes there, unless it was told just now.
pub(crate) async fn typing(caller: &Caller, room: RoomId) -> Answer {
    let member = caller.member;
    let since = caller.ends();
    caller.read(move |conn| authorise_in(conn, member, Operation::Post, room)).await?;
    if caller.host.typing.is_news((room, member), Instant::now()) {
        // Whose right has just ended says it again, or is not heard: it is worth no second look.
        caller.unless_ended(since, || caller.host.hub.tell_room(room, Reply::Typing { room, member }));
    }
    Ok(Some(Reply::Done))
}
