//! Writes whose news is told in the order of the commits.

use rusqlite::Connection;
use tokio::sync::oneshot;
use vault::{Committed, Vault, Verdict, Work, WriteError};

type Answer<T> = Result<T, WriteError<rusqlite::Error>>;

struct Announced<T, F, A> {
    job: Option<F>,
    result: Option<rusqlite::Result<T>>,
    announce: A,
    answer: oneshot::Sender<Answer<T>>,
}

impl<T, F, A> Work for Announced<T, F, A>
where
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    A: FnOnce(&T) + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> Verdict {
        let Some(job) = self.job.take() else {
            return Verdict::Undo;
        };
        let result = job(connection);
        let verdict = result.as_ref().map_or_else(|error| Verdict::of(error), |_| Verdict::Keep);
        self.result = Some(result);
        verdict
    }

    fn settle(self: Box<Self>, committed: Committed) {
        let Self { result, announce, answer, .. } = *self;
        let settled = match (committed, result) {
            (Ok(()), Some(Ok(value))) => {
                announce(&value);
                Ok(value)
            }
            (Ok(()), Some(Err(error))) => Err(WriteError::Job(error)),
            (Ok(()), None) => Err(WriteError::Panicked),
            (Err(error), _) => Err(error.into()),
        };
        // Whoever asked may have gone; what is written stays written.
        drop(answer.send(settled));
    }
}

pub(crate) async fn write<T, F, A>(vault: &Vault, job: F, announce: A) -> Answer<T>
where
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    A: FnOnce(&T) + Send + 'static,
    T: Send + 'static,
{
    let (answer, settled) = oneshot::channel();
    vault.submit(Announced { job: Some(job), result: None, announce, answer }).await?;
    settled.await.unwrap_or(Err(WriteError::Closed))
}
