//! How a connection shows life, and sees that of its peer.
//!
//! Refuses to decide when: beats are common to all connections, and counted in `beat`.

use std::time::Duration;

use protocol::CloseCode;
use tokio::time::Instant;

use super::{Connection, Standing, beat};
use crate::hub::frame::PING;

impl Connection {
    pub(super) fn first_beat(&self) -> Instant {
        let number = match &self.standing {
            Standing::Member(admission) => admission.seat.id().0,
            _ => 0,
        };
        self.beat_after(beat::first(number, self.host.config.timeouts.heartbeat))
    }

    pub(super) fn beat_after(&self, every: Duration) -> Instant {
        beat::after(self.host.began.into(), Instant::now(), every)
    }

    /// When to look again: at a beat, or when the lease of a silent peer ends.
    pub(super) fn next_beat(&self) -> Instant {
        let timeouts = &self.host.config.timeouts;
        self.beat_after(timeouts.heartbeat).min(self.heard + timeouts.lease)
    }

    /// A peer that has asked for something was answered: it knows that the host is there, and the host that it is.
    pub(super) fn show_life(&mut self) {
        if self.heard.elapsed() >= self.host.config.timeouts.lease {
            self.line.outlet.cut(CloseCode::LeaseOver);
        } else if !std::mem::take(&mut self.answered) {
            self.line.outlet.control(&PING);
        }
    }
}
