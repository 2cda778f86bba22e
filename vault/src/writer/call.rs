//! A closure as a work, with somebody awaiting its result.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Committed, Verdict, Work};
use crate::error::{CommitError, WriteError};

pub(super) struct Call<T, E, F> {
    job: Option<F>,
    outcome: Option<Result<T, WriteError<E>>>,
    asker: oneshot::Sender<Result<T, WriteError<E>>>,
}

impl<T, E, F> Call<T, E, F> {
    pub(super) fn new(job: F) -> (Box<Self>, oneshot::Receiver<Result<T, WriteError<E>>>) {
        let (asker, answer) = oneshot::channel();
        (Box::new(Self { job: Some(job), outcome: None, asker }), answer)
    }
}

impl<T, E, F> Work for Call<T, E, F>
where
    F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: std::error::Error + Send + 'static,
{
    fn run(&mut self, conn: &Connection) -> Verdict {
        let Some(job) = self.job.take() else { return Verdict::Undo };
        // What the job leaves behind is undone with its savepoint, and the job itself is gone.
        let (outcome, verdict) = match catch_unwind(AssertUnwindSafe(|| job(conn))) {
            Ok(Ok(value)) => (Ok(value), Verdict::Keep),
            Ok(Err(error)) => {
                let verdict = Verdict::of(&error);
                (Err(WriteError::Job(error)), verdict)
            }
            Err(_) => (Err(WriteError::Panicked), Verdict::Undo),
        };
        self.outcome = Some(outcome);
        verdict
    }

    fn settle(self: Box<Self>, committed: Committed) {
        let answer = match (self.outcome, committed) {
            // The job's own answer stands, unless the disk has a say in it.
            (Some(Err(error)), Ok(()) | Err(CommitError::Undone(_) | CommitError::Panicked)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(WriteError::Closed),
        };
        // Nobody may be waiting any more; the write stands all the same.
        let _ = self.asker.send(answer);
    }
}
