//! The write path: what is acknowledged and fanned out here is on disk.
//!
//! Work is queued to the vault's one writer, which gathers what waits into one transaction. After its commit, and in
//! commit order, each work's second half runs: it tells the hub and then the one who asked; at the end of the batch the
//! hub passes all of it on. So everyone sees one order, and no acknowledgement comes before the fsync.

use std::sync::Arc;
use std::time::Instant;

use vault::rusqlite::Connection;
use vault::{Committed, Vault, Verdict, Work};

use crate::error::Refusal;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::store::{Denied, not_committed};

/// A handle to the write path.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    vault: Vault,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
}

impl Committer {
    pub(crate) fn new(vault: Vault, hub: Arc<Hub>, metrics: Arc<Metrics>) -> Self {
        let telling = Arc::clone(&hub);
        vault.set_after_batch(Box::new(move || telling.end_turn()));
        Self { vault, hub, metrics }
    }

    /// Queues `work` for the next transaction, and `then` for after its commit. `then` runs exactly once when this
    /// is `Ok`, with what `work` made or why nothing of it is stored; it must not block.
    ///
    /// # Errors
    /// When the host is stopping; then neither of them runs.
    pub(crate) async fn commit<T, W, S>(&self, work: W, then: S) -> Result<(), Refusal>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Denied> + Send + 'static,
        S: FnOnce(Result<T, Refusal>, &Arc<Hub>) + Send + 'static,
    {
        let task = Task {
            work: Some(work),
            made: None,
            then,
            hub: Arc::clone(&self.hub),
            metrics: Arc::clone(&self.metrics),
            since: Instant::now(),
        };
        self.vault.submit(task).await.map_err(|error| not_committed(&error))
    }
}

struct Task<T, W, S> {
    work: Option<W>,
    made: Option<Result<T, Denied>>,
    then: S,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    since: Instant,
}

impl<T, W, S> Work for Task<T, W, S>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, Denied> + Send,
    S: FnOnce(Result<T, Refusal>, &Arc<Hub>) + Send,
{
    fn run(&mut self, conn: &Connection) -> Verdict {
        let Some(work) = self.work.take() else { return Verdict::Undo };
        let made = work(conn);
        let verdict = match &made {
            Ok(_) => Verdict::Keep,
            Err(Denied::Refused(_)) => Verdict::Undo,
            Err(denied) => Verdict::of(denied),
        };
        self.made = Some(made);
        verdict
    }

    fn settle(self: Box<Self>, committed: Committed) {
        // Then the end of the batch follows, and with it the end of the turn.
        let on_disk = committed.is_ok();
        let outcome = match (self.made, committed) {
            // A refusal stands whatever became of the batch.
            (Some(Err(Denied::Refused(refusal))), _) => Err(refusal),
            (_, Err(error)) => Err(not_committed(&error)),
            (Some(made), Ok(())) => made.map_err(Refusal::from),
            (None, Ok(())) => Err(Refusal::internal()),
        };
        match &outcome {
            Ok(_) => self.metrics.committed(self.since),
            Err(refusal) => self.metrics.refused(refusal.code),
        }
        if on_disk {
            self.hub.begin_turn();
        }
        (self.then)(outcome, &self.hub);
    }
}
