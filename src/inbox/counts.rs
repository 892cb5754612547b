use std::time::Duration;

use crate::telemetry::{Counter, Histogram};

/// What a keeper did, since the start.
#[derive(Debug)]
pub struct Counts {
    /// How many updates a commit stored or settled.
    pub commit_held: Histogram,
    /// How long a commit took, until it would survive a crash.
    pub commit_took: Histogram,
    /// How much of that the disk took, on SQLite: the log written and synced.
    pub sync_took: Histogram,
    /// Commits that failed; nothing of them was acknowledged.
    pub commits_failed: Counter,
    /// Updates that went back to waiting, because whoever held them gave no sign of life.
    pub leases_lapsed: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            commit_held: Histogram::of_sizes(),
            commit_took: Histogram::of_spans(),
            sync_took: Histogram::of_spans(),
            commits_failed: Counter::default(),
            leases_lapsed: Counter::default(),
        }
    }
}

impl Counts {
    /// Counts a commit of so many updates.
    pub(super) fn committed(&self, updates: usize, took: Duration, well: bool) {
        if well {
            self.commit_held.held(updates);
            self.commit_took.took(took);
        } else {
            self.commits_failed.count();
        }
    }
}
