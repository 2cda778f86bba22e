//! Outgoing webhooks: what happens in a room, told to another program in order, at least once.
//!
//! Nothing is queued: a report is what the log holds after the number last taken, so a restart or a long outage loses
//! nothing. One that is not taken is tried again, later and later.

mod delivery;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::{Event, UnixMillis, limits};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;
use vault::Health;
use vault::rusqlite::Connection;

use crate::error::Refusal;
use crate::host::Host;
use crate::outgoing::Undelivered;
use crate::store::table::events::{self, Stretch};
use crate::store::table::{audits, reports};
use crate::store::{Denied, now, stopping};

/// How often is looked whether there is something to report.
const EVERY: Duration = Duration::from_secs(1);

/// Most events of one report.
const EVENTS: u32 = 50;

/// Most reports made at once: each holds a socket and a page of events.
const AT_ONCE: usize = 64;

/// The first pause after a failure, and the longest, in milliseconds.
const PAUSE: (i64, i64) = (2_000, 3_600_000);

/// After failing for this long, in milliseconds, a report is given up until an operator says otherwise: a week is
/// longer than any holiday of a machine, and what is left of a program after it does not come back by itself.
const LONGEST: i64 = 7 * 24 * 3_600_000;

/// The answer by which a program says that it wants no more reports (RFC 9110, 15.5.11).
const GONE: u16 = 410;

/// One report, as the other side reads it.
#[derive(Serialize)]
struct Report<'a> {
    host: &'a protocol::HostId,
    room: protocol::RoomId,
    events: &'a [Event],
}

/// Reports until the host stops.
pub(crate) async fn deliver(host: Arc<Host>) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rounds = Rounds::default();
    loop {
        tokio::select! {
            biased;
            () = host.stop.cancelled() => return,
            Some(ended) = rounds.under_way.join_next_with_id() => rounds.end(&ended),
            _ = tick.tick() => if let Err(refusal) = rounds.begin(&host).await {
                tracing::warn!(%refusal, "reports could not be made");
            },
        }
    }
}

/// Reports that are being made: each by itself, so that a place which takes its time holds up nobody else.
#[derive(Default)]
struct Rounds {
    under_way: JoinSet<()>,
    of: HashMap<tokio::task::Id, Uuid>,
    /// The last one that had its turn.
    last: Uuid,
}

impl Rounds {
    /// Begins those that are due, as many as there is room for, in turn.
    async fn begin(&mut self, host: &Arc<Host>) -> Result<(), Refusal> {
        // Where it can't be noted what was taken, it would be reported again and again.
        if host.moved.load().is_some() || host.vault.health() != Health::Writable {
            return Ok(());
        }
        let mut due = host.read(|conn| Ok(reports::due(conn, now())?)).await?;
        due.retain(|row| !self.of.values().any(|busy| *busy == row.id));
        due.sort_by_key(|row| (row.id <= self.last, row.id));
        for row in due.into_iter().take(AT_ONCE.saturating_sub(self.of.len())) {
            self.last = row.id;
            let (id, host) = (row.id, Arc::clone(host));
            let task = self.under_way.spawn(async move {
                if let Err(refusal) = report(&host, row).await {
                    tracing::warn!(%refusal, report = %id, "a report could not be made");
                }
            });
            self.of.insert(task.id(), id);
        }
        Ok(())
    }

    fn end(&mut self, ended: &Result<(tokio::task::Id, ()), JoinError>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, ())| *task);
        self.of.remove(&task);
    }
}

/// One report to one place, and a note of what came of it.
async fn report(host: &Host, row: reports::Row) -> Result<(), Refusal> {
    let (room, page) = (row.room, due_of(host, &row).await?);
    let Some(newest) = page.last().map(|event| event.seq) else { return Ok(()) };
    let report = Report { host: host.identity.id(), room, events: &page };
    let body = serde_json::to_vec(&report).map_err(|_| Refusal::internal())?;
    let outgoing = host.live.load().outgoing.clone();
    let outcome = delivery::post(&outgoing, (&row.url, &row.signing_key), body, now()).await;
    if let Err(problem) = &outcome {
        tracing::info!(report = %row.id, %problem, failures = row.failures + 1, "a report was not taken");
    }
    let id = row.id;
    let problem = match outcome {
        Ok(()) => return note(host, move |conn| Ok(reports::taken(conn, id, newest)?)).await,
        Err(problem) => problem,
    };
    let failure = judge(&row, &problem, now());
    if failure.retry_at.is_none() {
        tracing::warn!(report = %id, "a report is given up; see `hearth-server admin report`");
    }
    let work = move |conn: &Connection| {
        if failure.retry_at.is_none() {
            audits::note(conn, None, "report given up", &id.to_string(), failure.at)?;
        }
        Ok(reports::failed(conn, id, &failure)?)
    };
    note(host, work).await
}

/// What is to be reported, unless the report was ended since it was found to be due.
async fn due_of(host: &Host, row: &reports::Row) -> Result<Vec<Event>, Refusal> {
    let (id, room, sent) = (row.id, row.room, row.sent);
    let page = host.read(move |conn| {
        if !reports::is_wanted(conn, id)? {
            return Ok(Vec::new());
        }
        let mut budget = limits::PAGE_BYTES;
        Ok(events::page(conn, room, Stretch::After(sent), EVENTS, &mut budget)?)
    });
    page.await
}

/// Whether and when a report that was not taken is tried again.
fn judge(row: &reports::Row, problem: &Undelivered, now: UnixMillis) -> reports::Failure {
    let gone = matches!(problem, Undelivered::Status(GONE));
    let weary = row.failures > 0 && now.0 - row.failing_since.0 > LONGEST;
    let retry_at = (!gone && !weary).then(|| UnixMillis(now.0 + pause(row.id, row.failures)));
    reports::Failure { at: now, problem: problem.to_string(), retry_at }
}

async fn note<W>(host: &Host, work: W) -> Result<(), Refusal>
where
    W: FnOnce(&Connection) -> Result<(), Denied> + Send + 'static,
{
    let (done, noted) = oneshot::channel();
    host.committer.commit(work, move |made, _| drop(done.send(made))).await?;
    noted.await.unwrap_or_else(|_| Err(stopping()))
}

/// Twice as long after each failure; spread by the id, so that not all come back at once.
fn pause(id: Uuid, failures: u32) -> i64 {
    let (first, longest) = PAUSE;
    let doubled = first.saturating_mul(1i64.checked_shl(failures.min(20)).unwrap_or(i64::MAX)).min(longest);
    let spread = i64::from(id.as_bytes()[15]);
    doubled + doubled * spread / 1024
}

#[cfg(test)]
mod tests {
    use protocol::{Reading, Request, Visibility};

    use super::*;
    use crate::handler::stage::Stage;

    #[tokio::test]
    async fn a_report_that_is_ended_while_it_is_due_says_nothing_more() {
        let stage = Stage::set().await;
        let mut alice = stage.device(stage.members[0]).await;
        let room = alice.room(&stage, "kitchen", Visibility::Public, Reading::Start).await;
        let url = "https://example.org/hook".into();
        let made = alice.ask(&stage, Request::CreateReport { room, url }).await;
        let protocol::Reply::ReportCreated { report, .. } = made else { panic!("no report: {made:?}") };
        let topic = "something to report".into();
        alice.ask(&stage, Request::SetTopic { room, topic }).await;
        let due = stage.host.read(|conn| Ok(reports::due(conn, now())?)).await.unwrap();
        assert_eq!(due_of(&stage.host, &due[0]).await.unwrap().len(), 1);
        alice.ask(&stage, Request::RevokeReport { room, report: report.id }).await;
        assert!(due_of(&stage.host, &due[0]).await.unwrap().is_empty());
        stage.host.vault.close().await;
    }

    #[test]
    fn a_report_is_given_up_after_a_week_of_failures_or_when_it_is_not_wanted() {
        let row = reports::Row::new(
            Uuid::nil(),
            protocol::RoomId(Uuid::nil()),
            protocol::Seq(1),
            Default::default(),
        );
        let (silence, gone) = (Undelivered::Silence, Undelivered::Status(410));
        let first = judge(&row, &silence, UnixMillis(10 * LONGEST));
        assert_eq!(first.retry_at, Some(UnixMillis(10 * LONGEST + PAUSE.0)));
        assert_eq!(judge(&row, &gone, UnixMillis(1)).retry_at, None);
        let failing = reports::Row { failures: 180, failing_since: UnixMillis(5), ..row };
        assert!(judge(&failing, &silence, UnixMillis(5 + LONGEST)).retry_at.is_some());
        assert!(judge(&failing, &Undelivered::Status(503), UnixMillis(6 + LONGEST)).retry_at.is_none());
    }

    #[test]
    fn pauses_grow_and_end_growing() {
        let pauses = (0..40).map(|failures| pause(Uuid::nil(), failures)).collect::<Vec<_>>();
        assert_eq!(pauses[..3], [2_000, 4_000, 8_000]);
        assert!(pauses.windows(2).all(|two| two[0] <= two[1]));
        assert_eq!(pauses[39], PAUSE.1);
        assert!(pause(Uuid::max(), 39) < 2 * PAUSE.1);
    }
}
