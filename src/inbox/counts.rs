use std::time::Duration;

use crate::telemetry::{Counter, Histogram, Registry, Unit, durations, sizes};

/// What a keeper did, since the start.
#[derive(Debug)]
pub struct Counts {
    /// How many updates a commit stored or settled.
    pub commit_updates: Histogram,
    /// How long a commit took, until it would survive a crash.
    pub commit_duration: Histogram,
    /// How much of that the disk took, on SQLite: the log written and synced.
    pub sync_duration: Histogram,
    /// Commits that failed; nothing of them was acknowledged.
    pub commits_failed: Counter,
    /// Updates that went back to waiting, because whoever held them gave no sign of life.
    pub leases_lapsed: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            commit_updates: sizes(),
            commit_duration: durations(),
            sync_duration: durations(),
            commits_failed: Counter::default(),
            leases_lapsed: Counter::default(),
        }
    }
}

impl Counts {
    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "doorbell_inbox_commit_updates",
            "Updates that one commit stored or settled; none with memory:, which commits nothing",
            self.commit_updates.clone(),
        );
        registry.register_with_unit(
            "doorbell_inbox_commit_duration",
            "How long a commit took until it would survive a crash: for the most part one fsync, or one round trip",
            Unit::Seconds,
            self.commit_duration.clone(),
        );
        registry.register_with_unit(
            "doorbell_inbox_sync_duration",
            "How much of a commit the disk took: the log written and one fsync; on SQLite only",
            Unit::Seconds,
            self.sync_duration.clone(),
        );
        registry.register(
            "doorbell_inbox_commit_failures",
            "Commits that failed; nothing of them was acknowledged",
            self.commits_failed.clone(),
        );
        registry.register(
            "doorbell_leases_lapsed",
            "Updates that went back to waiting because their lease was not extended in time. PostgreSQL does this \
             without telling; see doorbell_leases_lost_total there",
            self.leases_lapsed.clone(),
        );
    }

    /// Counts a commit of so many updates.
    pub(super) fn record_commit(&self, updates: usize, took: Duration, well: bool) {
        if well {
            #[expect(clippy::cast_precision_loss, reason = "a commit has far fewer than 2^52 updates")]
            self.commit_updates.observe(updates as f64);
            self.commit_duration.observe(took.as_secs_f64());
        } else {
            self.commits_failed.inc();
        }
    }
}
