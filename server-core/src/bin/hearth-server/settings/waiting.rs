//! What a reload does not take over: such changes are named, so that nobody waits for them in vain.

use super::Settings;

impl Settings {
    /// What differs from the settings at the start and is looked at by a start only.
    pub(crate) fn waiting(&self, at_start: &Self) -> Vec<&'static str> {
        let (limits, then) = (&self.limits, &at_start.limits);
        let changed = [
            ("host.data_dir", self.host.data_dir != at_start.host.data_dir),
            ("host.announce", self.host.announce != at_start.host.announce),
            ("listen.address", self.listen.address != at_start.listen.address),
            ("vault", self.vault != at_start.vault),
            ("admin.socket", self.admin != at_start.admin),
            ("metrics.address", self.metrics != at_start.metrics),
            ("snapshots", self.snapshots != at_start.snapshots),
            ("limits.connections", limits.connections != then.connections),
            ("limits.strangers", limits.strangers != then.strangers),
            ("limits.hashes_at_once", limits.hashes_at_once != then.hashes_at_once),
            ("timeouts", self.timeouts != at_start.timeouts),
            ("log", self.log != at_start.log),
        ];
        changed.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect()
    }
}
