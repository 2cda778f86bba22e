//! Telling who came and who went, at most once a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::host::Host;

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
            _ = tick.tick() => host.hub.tell_presence(),
        }
    }
}
