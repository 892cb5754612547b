//! The metrics of a store.

use std::time::Duration;

use crate::telemetry::{Counter, Histogram, Registry, Unit, durations, sizes};

/// What a store did since the process started.
#[derive(Debug)]
pub struct Counts {
    /// The number of updates that a commit stored or settled.
    pub commit_updates: Histogram,
    /// The duration of a commit, until it would survive a crash, in seconds.
    pub commit_duration: Histogram,
    /// The part of the commit that waited for the disk, in seconds: writing and syncing the log. SQLite only.
    pub sync_duration: Histogram,
    /// Commits that failed. Nothing in them was acknowledged.
    pub commits_failed: Counter,
    /// Updates that went back to waiting because their lease was not extended in time.
    pub leases_lapsed: Counter,
    /// Updates that were dropped while they waited, because the bot asked for it.
    pub dropped: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            commit_updates: sizes(),
            commit_duration: durations(),
            sync_duration: durations(),
            commits_failed: Counter::default(),
            leases_lapsed: Counter::default(),
            dropped: Counter::default(),
        }
    }
}

impl Counts {
    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "doorbell_inbox_commit_updates",
            "The number of updates that one commit stored or settled. There are none with memory:, which commits nothing",
            self.commit_updates.clone(),
        );
        registry.register_with_unit(
            "doorbell_inbox_commit_duration",
            "The duration of a commit until it would survive a crash: mostly one fsync, or one round trip to the database",
            Unit::Seconds,
            self.commit_duration.clone(),
        );
        registry.register_with_unit(
            "doorbell_inbox_sync_duration",
            "The part of a commit that the disk took: the log written and one fsync. SQLite only",
            Unit::Seconds,
            self.sync_duration.clone(),
        );
        registry.register(
            "doorbell_inbox_commit_failures",
            "Commits that failed. Nothing in them was acknowledged",
            self.commits_failed.clone(),
        );
        registry.register(
            "doorbell_leases_lapsed",
            "Updates that went back to waiting because their lease was not extended in time. PostgreSQL does this \
             without counting; see doorbell_leases_lost_total there",
            self.leases_lapsed.clone(),
        );
        registry.register(
            "doorbell_updates_dropped",
            "Updates that were dropped while they waited, because your bot asked for it and gateway.allow_drop permits it",
            self.dropped.clone(),
        );
    }

    /// Counts a commit of this many updates.
    pub(super) fn record_commit(&self, updates: usize, took: Duration, succeeded: bool) {
        if succeeded {
            #[expect(clippy::cast_precision_loss, reason = "a commit has far fewer than 2^52 updates")]
            self.commit_updates.observe(updates as f64);
            self.commit_duration.observe(took.as_secs_f64());
        } else {
            self.commits_failed.inc();
        }
    }
}
