//! Letting go of messages after the time their room keeps them.
//!
//! A message past its time is deleted as if by the owner: its text goes everywhere, its place in the log stays. The
//! search for such messages is a read; only deleting them takes the writer, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Change, Event, MessageId, Reply, UnixMillis};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use vault::rusqlite::Connection;

use crate::error::Refusal;
use crate::host::Host;
use crate::store::kept::undamaged;
use crate::store::table::{events, members, messages, retentions};
use crate::store::{Denied, now, stopping};

/// How often is looked; rules are in days.
const EVERY: Duration = Duration::from_secs(3600);

/// Messages deleted in one go, so that nobody's message waits long for its turn.
const BATCH: u32 = 100;

/// Sweeps until the host stops.
pub(crate) async fn keep(host: Arc<Host>) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = host.stop.cancelled() => return,
            () = host.rules_changed.notified() => {}
            _ = tick.tick() => {}
        }
        let swept = tokio::select! {
            () = host.stop.cancelled() => return,
            swept = sweep(&host) => swept,
        };
        match swept {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "messages past their rooms' time were deleted"),
            Err(refusal) => tracing::warn!(%refusal, "messages past their time could not be deleted"),
        }
    }
}

/// Deletes all that is past its time now, and says how much.
pub(crate) async fn sweep(host: &Host) -> Result<usize, Refusal> {
    let (mut count, mut after) = (0, 0);
    loop {
        // From where the last look ended: what can't be deleted is passed over, and nothing is looked at twice.
        let (overdue, last) =
            host.read(move |conn| Ok(retentions::overdue(conn, now(), after, BATCH)?)).await?;
        let Some(last) = last else { return Ok(count) };
        after = last;
        let (done, deleted) = oneshot::channel();
        let work = move |conn: &Connection| delete(conn, &overdue, now());
        let then = move |made: Result<Vec<Event>, Refusal>, hub: &Arc<crate::hub::Hub>| {
            let made = made.map(|events| {
                let count = events.len();
                for event in events {
                    hub.tell_room(event.room, Reply::Event { event });
                }
                count
            });
            // A stop may have come between; what is deleted stays deleted.
            drop(done.send(made));
        };
        host.committer.commit(work, then).await?;
        count += deleted.await.unwrap_or_else(|_| Err(stopping()))?;
    }
}

/// Deletes what is still there of `overdue`, and still overdue: the rule may have been changed since it was looked for.
/// In the owner's name.
fn delete(conn: &Connection, overdue: &[MessageId], now: UnixMillis) -> Result<Vec<Event>, Denied> {
    let Some(owner) = members::owner(conn)? else { return Ok(Vec::new()) };
    let mut log = Vec::new();
    for message in overdue {
        if !retentions::is_overdue(conn, *message, now)? {
            continue;
        }
        let Some(place) = undamaged(messages::find(conn, *message))?.flatten() else { continue };
        let Some(event) = events::by_message(conn, *message)?.filter(|_| !place.deleted) else { continue };
        let room = place.room;
        messages::delete(conn, place, event)?;
        log.push(events::append(conn, room, owner.id, Change::Deleted { message: *message }, now)?);
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use protocol::{Posted, RoomId, Visibility};
    use uuid::Uuid;

    use super::*;
    use crate::admission::{Account, write_account};
    use crate::store::SCHEMA;
    use crate::store::table::rooms;

    const DAY: i64 = 24 * 3600 * 1000;

    #[test]
    fn only_messages_past_their_rooms_time_are_let_go_and_leave_no_text() {
        let conn = Connection::open_in_memory().unwrap();
        for migration in SCHEMA.migrations {
            conn.execute_batch(migration.sql).unwrap();
        }
        let account = Account { name: "alice".into(), password_hash: None };
        let start = UnixMillis(1_700_000_000_000);
        let (alice, _) = write_account(&conn, account, protocol::Role::Owner, &[], start).unwrap();
        let general = rooms::all(&conn).unwrap()[0].id;
        let other = RoomId(Uuid::now_v7());
        let room = rooms::New {
            id: other,
            name: "kept".into(),
            topic: String::new(),
            visibility: Visibility::Public,
            for_everyone: false,
            reading: protocol::Reading::Start,
            between: None,
        };
        rooms::insert(&conn, &room, start).unwrap();
        let post = |room, day: i64| {
            let message = MessageId(Uuid::now_v7());
            let change = Change::Posted(Posted::new(message, "secret plan".into()));
            events::append(&conn, room, alice, change, UnixMillis(start.0 + day * DAY)).unwrap();
            message
        };
        let (old, young, elsewhere) = (post(general, 0), post(general, 5), post(other, 0));
        retentions::put(&conn, general, Some(7)).unwrap();
        let now = UnixMillis(start.0 + 10 * DAY);
        let (overdue, last) = retentions::overdue(&conn, now, 0, BATCH).unwrap();
        assert_eq!(overdue, [old]);
        assert_eq!(retentions::overdue(&conn, now, last.unwrap(), BATCH).unwrap(), (vec![], None));
        retentions::put(&conn, general, None).unwrap();
        assert!(delete(&conn, &overdue, now).unwrap().is_empty(), "the rule was taken back meanwhile");
        retentions::put(&conn, general, Some(7)).unwrap();
        let log = delete(&conn, &overdue, now).unwrap();
        assert_eq!(log.len(), 1);
        assert_eq!((log[0].by, &log[0].change), (alice, &Change::Deleted { message: old }));
        assert!(delete(&conn, &overdue, now).unwrap().is_empty(), "twice is once");
        assert!(retentions::overdue(&conn, now, 0, BATCH).unwrap().0.is_empty());
        for (message, gone) in [(old, true), (young, false), (elsewhere, false)] {
            let event = events::by_message(&conn, message).unwrap().unwrap();
            let Change::Posted(posted) = event.change else { panic!("no message") };
            assert_eq!(posted.text.0.is_empty(), gone);
        }
    }
}
