//! Taking statuses back when their time is over. One task for all members, which sleeps until the next end; what it
//! waits for stands in the store, so it goes on after a restart.

use std::sync::Arc;
use std::time::Duration;

use protocol::UnixMillis;
use tokio::sync::oneshot;
use vault::rusqlite::Connection;

use crate::error::Refusal;
use crate::handler::accounts::tell_of;
use crate::host::Host;
use crate::store::table::members::{self, Status};
use crate::store::table::statuses;
use crate::store::{Denied, now, stopping};

/// The longest sleep, so that a clock that was set is noticed; and the time between two tries after one that failed.
const LONGEST: Duration = Duration::from_secs(60);

/// Statuses taken back in one go, so that nobody's message waits long for its turn.
const BATCH: u32 = 100;

/// Takes back until the host stops.
pub(crate) async fn take_back(host: Arc<Host>) {
    let mut sleep = Some(Duration::ZERO);
    loop {
        tokio::select! {
            biased;
            () = host.stop.cancelled() => return,
            () = host.statuses_changed.notified() => {}
            () = slept(sleep) => {}
        }
        let swept = tokio::select! {
            () = host.stop.cancelled() => return,
            swept = sweep(&host) => swept,
        };
        sleep = match swept {
            Ok(next) => pause(next, now()),
            Err(refusal) => {
                tracing::warn!(%refusal, "statuses whose time is over could not be taken back");
                Some(LONGEST)
            }
        };
    }
}

async fn slept(sleep: Option<Duration>) {
    match sleep {
        Some(sleep) => tokio::time::sleep(sleep).await,
        None => std::future::pending().await,
    }
}

/// How long to sleep if the next status ends then; without one, until there is.
fn pause(next: Option<UnixMillis>, now: UnixMillis) -> Option<Duration> {
    let left = u64::try_from(next?.0.saturating_sub(now.0)).unwrap_or(0);
    Some(Duration::from_millis(left).min(LONGEST))
}

/// Takes back all whose time is over now, and says when the next one ends.
async fn sweep(host: &Host) -> Result<Option<UnixMillis>, Refusal> {
    loop {
        let next = host.read(|conn| Ok(statuses::next_end(conn)?)).await?;
        let moment = now();
        if next.is_none_or(|next| next > moment) {
            return Ok(next);
        }
        let (done, taken) = oneshot::channel();
        let work = |conn: &Connection| clear(conn, now());
        let then = move |made: Result<Vec<members::Row>, Refusal>, hub: &Arc<crate::hub::Hub>| {
            // A stop may have come between; what is taken back stays so.
            drop(done.send(made.map(|rows| {
                let count = rows.len();
                tell_of(rows, hub);
                count
            })));
        };
        host.committer.commit(work, then).await?;
        if taken.await.unwrap_or_else(|_| Err(stopping()))? == 0 {
            // Nobody's that can be read: there is no hurry.
            let later = i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX);
            return Ok(Some(UnixMillis(moment.0.saturating_add(later))));
        }
    }
}

/// Takes back some of those whose time is over, and gives the members as they are now.
fn clear(conn: &Connection, now: UnixMillis) -> Result<Vec<members::Row>, Denied> {
    let mut changed = Vec::new();
    for member in statuses::over(conn, now, BATCH)? {
        members::set_status(conn, member, &Status::default())?;
        changed.extend(members::by_id(conn, member)?);
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use protocol::{MemberId, Role};
    use uuid::Uuid;

    use super::*;
    use crate::store::SCHEMA;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    #[test]
    fn the_host_sleeps_until_the_next_end_and_never_long() {
        let at = |ms| Some(UnixMillis(NOW.0 + ms));
        assert_eq!(pause(None, NOW), None);
        assert_eq!(pause(at(1_500), NOW), Some(Duration::from_millis(1_500)));
        assert_eq!(pause(at(0), NOW), Some(Duration::ZERO));
        assert_eq!(pause(at(-5_000), NOW), Some(Duration::ZERO));
        assert_eq!(pause(at(86_400_000), NOW), Some(LONGEST));
        assert_eq!(pause(Some(UnixMillis(i64::MAX)), UnixMillis(i64::MIN)), Some(LONGEST));
    }

    #[test]
    fn only_what_is_over_is_taken_back_and_those_first_that_ended_first() {
        let conn = Connection::open_in_memory().unwrap();
        for migration in SCHEMA.migrations {
            conn.execute_batch(migration.sql).unwrap();
        }
        let member = |name: &str, until: Option<i64>| {
            let id = MemberId(Uuid::now_v7());
            members::insert(&conn, &members::Row::new(id, name.into(), Role::Member), NOW).unwrap();
            let until = until.map(|ms| UnixMillis(NOW.0 + ms));
            let status = Status { text: "out".into(), emoji: "🌴".into(), until };
            members::set_status(&conn, id, &status).unwrap();
            id
        };
        let (late, early) = (member("alice", Some(-1)), member("bob", Some(-10)));
        let (young, forever) = (member("carol", Some(10)), member("dave", None));
        assert_eq!(statuses::over(&conn, NOW, 1).unwrap(), [early]);
        let changed = clear(&conn, NOW).unwrap();
        assert_eq!(changed.iter().map(|row| row.id).collect::<Vec<_>>(), [early, late]);
        assert!(changed.iter().all(|row| row.status == Status::default()));
        assert!(clear(&conn, NOW).unwrap().is_empty(), "twice is once");
        assert_eq!(statuses::next_end(&conn).unwrap(), Some(UnixMillis(NOW.0 + 10)));
        for id in [young, forever] {
            assert_eq!(members::by_id(&conn, id).unwrap().unwrap().status.text, "out");
        }
    }
}
