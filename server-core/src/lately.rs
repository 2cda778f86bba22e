//! What devices tell all the time and nobody waits for: how far they keep the logs, and when they went.
//!
//! It is gathered in memory and written a few times a minute, many rows in one transaction. What a crash takes with it,
//! the next word of the device brings back. Nothing of it is ever acknowledged as stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use protocol::{DeviceId, RoomId, Seq, UnixMillis};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use vault::rusqlite::Connection;

use crate::error::Refusal;
use crate::host::Host;
use crate::store::Denied;
use crate::store::table::{cursors, sessions};

/// How often is written.
const EVERY: Duration = Duration::from_secs(5);

/// Rows written in one go, so that nobody's message waits long for its turn.
const BATCH: usize = 500;

/// Most words kept in memory, about 10 MiB; whoever brings one more waits until they are written.
const MOST: usize = 100_000;

/// How far a device keeps the log of a room.
type Kept = ((DeviceId, RoomId), Seq);

/// When a device's connection ended.
type Left = (DeviceId, UnixMillis);

/// What was told and is not yet written.
#[derive(Debug, Default)]
pub(crate) struct Lately {
    kept: Mutex<HashMap<(DeviceId, RoomId), Seq>>,
    left: Mutex<HashMap<DeviceId, UnixMillis>>,
}

impl Lately {
    /// A device keeps a room's log up to `seq`. Says whether it is time to write.
    pub(crate) fn keeps(&self, device: DeviceId, told: impl IntoIterator<Item = (RoomId, Seq)>) -> bool {
        let mut kept = lock(&self.kept);
        for (room, seq) in told {
            let known = kept.entry((device, room)).or_default();
            *known = seq.max(*known);
        }
        kept.len() > MOST
    }

    /// A device's connection ended.
    pub(crate) fn left(&self, device: DeviceId, at: UnixMillis) {
        lock(&self.left).insert(device, at);
    }

    /// When a device's connection ended, if that is not yet written.
    pub(crate) fn left_at(&self, device: DeviceId) -> Option<UnixMillis> {
        lock(&self.left).get(&device).copied()
    }

    /// What has been told of one room and is not yet written.
    pub(crate) fn kept_of(&self, room: RoomId) -> HashMap<(DeviceId, RoomId), Seq> {
        let kept = lock(&self.kept);
        kept.iter().filter(|((_, of), _)| *of == room).map(|(key, seq)| (*key, *seq)).collect()
    }

    /// Up to [`BATCH`] words of each kind. They stay until they are written.
    fn waiting(&self) -> (Vec<Kept>, Vec<Left>) {
        let kept = lock(&self.kept).iter().take(BATCH).map(|(key, seq)| (*key, *seq)).collect();
        let left = lock(&self.left).iter().take(BATCH).map(|(device, at)| (*device, *at)).collect();
        (kept, left)
    }

    /// Forgets what is written, unless something newer was told meanwhile.
    fn written(&self, kept: &[Kept], left: &[Left]) {
        let mut waiting = lock(&self.kept);
        for (key, seq) in kept {
            if waiting.get(key) == Some(seq) {
                waiting.remove(key);
            }
        }
        drop(waiting);
        let mut waiting = lock(&self.left);
        for (device, at) in left {
            if waiting.get(device) == Some(at) {
                waiting.remove(device);
            }
        }
    }
}

/// Writes now and then until the host stops.
pub(crate) async fn write_down(host: Arc<Host>) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = host.stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(refusal) = write(&host).await {
            tracing::debug!(%refusal, "what devices told could not be written");
        }
    }
}

/// Writes all that waits at this moment.
pub(crate) async fn write(host: &Host) -> Result<(), Refusal> {
    // What is told while this writes waits for the next time.
    for _ in 0..=2 * MOST / BATCH {
        let (kept, left) = host.lately.waiting();
        if kept.is_empty() && left.is_empty() {
            return Ok(());
        }
        let (done, written) = oneshot::channel();
        let work = move |conn: &Connection| -> Result<_, Denied> {
            for ((device, room), seq) in &kept {
                cursors::advance(conn, *device, *room, *seq)?;
            }
            for (device, at) in &left {
                sessions::left(conn, *device, *at)?;
            }
            Ok((kept, left))
        };
        let then = move |made: Result<_, Refusal>, _: &Arc<crate::hub::Hub>| drop(done.send(made));
        host.committer.commit(work, then).await?;
        let (kept, left) = written.await.map_err(|_| crate::store::stopping())??;
        host.lately.written(&kept, &left);
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds what was told")
}
