//! Holding what is under way: at a wait of its own, or behind a gate before the write path or the readers.

use std::pin::pin;
use std::sync::mpsc;

use futures_util::poll;
use tokio::task::spawn_blocking;
use vault::rusqlite::Connection;
use vault::{Committed, Verdict, Work};

use crate::host::Host;
use crate::store::Denied;

/// Runs a story with one thread for everything that blocks: what is queued there is done once all before it is.
pub(super) fn run(story: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.max_blocking_threads(1).enable_all().build().unwrap().block_on(story);
}

/// Waits until nothing that was asked of the store or the hashes is still under way.
pub(super) async fn quiet(host: &Host) {
    for _ in 0..2 {
        spawn_blocking(|| ()).await.unwrap();
        host.vault.write(|_| Ok::<_, Denied>(())).await.unwrap();
    }
}

/// Takes `under_way` to its `wait`th wait, does all of `meanwhile`, then the rest of it. None if it has no such wait.
pub(super) async fn held<T>(
    host: &Host,
    wait: usize,
    under_way: impl Future<Output = T>,
    meanwhile: impl Future<Output = ()>,
) -> Option<T> {
    let mut under_way = pin!(under_way);
    for _ in 0..wait {
        let gates = (Gate::before_writes(host), Gate::before_reads());
        let is_over = poll!(under_way.as_mut()).is_ready();
        drop(gates);
        if is_over {
            return None;
        }
        quiet(host).await;
    }
    meanwhile.await;
    Some(under_way.await)
}

/// Keeps those waiting who come after it, in their order, until it is dropped.
pub(super) struct Gate(#[expect(dead_code, reason = "its drop opens the gate")] mpsc::Sender<()>);

impl Gate {
    pub(super) fn before_writes(host: &Host) -> Self {
        let (open, opened) = mpsc::channel();
        assert!(host.vault.try_submit(Shut(opened)).is_ok());
        Self(open)
    }

    pub(super) fn before_reads() -> Self {
        let (open, opened) = mpsc::channel::<()>();
        spawn_blocking(move || opened.recv());
        Self(open)
    }
}

struct Shut(mpsc::Receiver<()>);

impl Work for Shut {
    fn run(&mut self, _: &Connection) -> Verdict {
        let _ = self.0.recv();
        Verdict::Keep
    }
    fn settle(self: Box<Self>, _: Committed) {}
}
