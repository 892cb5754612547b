use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::outcome::{Acknowledged, Outcome, Reason};
use crate::clock::elapsed;
use crate::telemetry::{Counter, Family, Histogram, Registry, Unit, durations};

/// Counts how requests to the webhook ended, since the start.
#[derive(Debug)]
pub struct Counts {
    /// The time from the head of a request to its response, by what the response said.
    pub answered: Family<Outcome, Histogram>,
    /// Updates that were acknowledged with 200.
    pub acknowledged: Family<Acknowledged, Counter>,
    /// Requests that were not acknowledged.
    pub refused: Family<Reason, Counter>,
    /// How many of them had no valid secret token. The registrar waits for it to grow.
    pub unauthorized: watch::Sender<u64>,
    /// Requests with a valid secret token from an address that is not Telegram's, whether they were accepted or not.
    pub foreign: Counter,
    /// When an update was last not handled in time, in milliseconds. [`NOT_LATE`] once one has been acknowledged since.
    late_at: AtomicI64,
}

/// The value of [`Counts::late_at`] while no update is late.
const NOT_LATE: i64 = i64::MIN;

/// Telegram offers an update again after 2 min at most, so an older event says nothing about the present.
const STILL_LATE: Duration = Duration::from_mins(2);

impl Default for Counts {
    fn default() -> Self {
        Self {
            answered: Family::of_each(durations),
            acknowledged: Family::default(),
            refused: Family::default(),
            unauthorized: watch::Sender::default(),
            foreign: Counter::default(),
            late_at: AtomicI64::new(NOT_LATE),
        }
    }
}

impl Counts {
    /// Records that an update was not handled in time.
    pub(super) fn record_late(&self, now: Timestamp) {
        self.late_at.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// Records that an update was acknowledged.
    pub(super) fn record_acknowledged(&self) {
        // Usually only read, because all threads pass here with every update.
        if self.late_at.load(Ordering::Relaxed) != NOT_LATE {
            self.late_at.store(NOT_LATE, Ordering::Relaxed);
        }
    }

    /// Whether the last update was not handled in time, and that was less than 2 min ago.
    #[must_use]
    pub fn is_late(&self, now: Timestamp) -> bool {
        let at = Timestamp::from_millisecond(self.late_at.load(Ordering::Relaxed));
        at.is_ok_and(|at| elapsed(at, now) < STILL_LATE)
    }

    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "doorbell_webhook_duration",
            "Time from the head of a request to the webhook to its response, by what the response said",
            Unit::Seconds,
            self.answered.clone(),
        );
        registry.register(
            "doorbell_webhook_refused",
            "Requests to the webhook that were not acknowledged, by reason",
            self.refused.clone(),
        );
        registry.register(
            "doorbell_webhook_foreign",
            "Requests with a valid secret token from an address that is not Telegram's",
            self.foreign.clone(),
        );
        registry.register(
            "doorbell_updates",
            "Updates acknowledged with 200: stored, or known already (a duplicate)",
            self.acknowledged.clone(),
        );
    }

    /// Requests that were not a valid update: malformed, too large or too slow.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.refused_by(|reason| {
            reason.outcome() == Outcome::Refused && ![Reason::Secret, Reason::Source].contains(&reason)
        })
    }

    /// Requests that were answered with 503.
    #[must_use]
    pub fn unavailable(&self) -> u64 {
        self.refused_by(|reason| reason.outcome() == Outcome::Unavailable)
    }

    fn refused_by(&self, is_meant: impl Fn(Reason) -> bool) -> u64 {
        self.refused.iter().filter(|(reason, _)| is_meant(*reason)).map(|(_, counter)| counter.get()).sum()
    }
}
