use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::elapsed;
use crate::inbox::Accepted;
use crate::telemetry::{Counter, Family, Histogram, Registry, Unit, durations, label};

/// How requests to the webhook ended, since the start.
#[derive(Debug)]
pub struct Counts {
    /// From the head of a request to its answer, by what the answer said.
    pub answered: Family<Outcome, Histogram>,
    /// Updates that were acknowledged with 200.
    pub acknowledged: Family<Acknowledged, Counter>,
    /// Requests that were not acknowledged.
    pub refused: Family<Reason, Counter>,
    /// How many of them had no right secret token, for whoever waits for it to grow.
    pub refusals: watch::Sender<u64>,
    /// Requests with the right secret token from an address that is not Telegram's, let in or not.
    pub foreign: Counter,
    /// When an update was last not handled in time, in milliseconds; [`NOT_LATE`] once one has been acknowledged since.
    late_at: AtomicI64,
}

/// No update is late.
const NOT_LATE: i64 = i64::MIN;

/// Telegram offers an update again after 2 min at most: what is older says nothing of now.
const STILL_LATE: Duration = Duration::from_mins(2);

impl Default for Counts {
    fn default() -> Self {
        Self {
            answered: Family::of_each(durations),
            acknowledged: Family::default(),
            refused: Family::default(),
            refusals: watch::Sender::default(),
            foreign: Counter::default(),
            late_at: AtomicI64::new(NOT_LATE),
        }
    }
}

impl Counts {
    /// Notes that an update was not handled in time.
    pub(super) fn was_late(&self, now: Timestamp) {
        self.late_at.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// Notes that an update was acknowledged.
    pub(super) fn was_acknowledged(&self) {
        // Only read, as a rule: many threads come by here.
        if self.late_at.load(Ordering::Relaxed) != NOT_LATE {
            self.late_at.store(NOT_LATE, Ordering::Relaxed);
        }
    }

    /// Whether the update that was answered last was not handled in time, where that was a short while ago.
    #[must_use]
    pub fn is_late(&self, now: Timestamp) -> bool {
        let at = Timestamp::from_millisecond(self.late_at.load(Ordering::Relaxed));
        at.is_ok_and(|at| elapsed(at, now) < STILL_LATE)
    }

    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "doorbell_webhook_duration",
            "From the head of a request to the webhook to its answer, by what the answer said",
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
            "Requests with the right secret token from an address that is not Telegram's",
            self.foreign.clone(),
        );
        registry.register(
            "doorbell_updates",
            "Updates acknowledged with 200: stored, or known already, which is a duplicate",
            self.acknowledged.clone(),
        );
    }

    /// Requests that were no update: bad, too large, too slow.
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

label! {
    /// What the answer to a request said.
    pub enum Outcome as "outcome" {
        /// 200: the update is kept.
        Stored = "stored",
        /// 200: the update was known already.
        Known = "known",
        /// 4xx: this is not let in.
        Refused = "refused",
        /// 503: it could not be stored, and is to be offered again.
        Unavailable = "unavailable",
    }
}

label! {
    /// Why an update was acknowledged.
    pub enum Acknowledged as "outcome" {
        /// It is stored now.
        Stored = "stored",
        /// It was known already.
        Known = "known",
    }
}

impl From<Accepted> for Acknowledged {
    fn from(accepted: Accepted) -> Self {
        match accepted {
            Accepted::Stored => Self::Stored,
            Accepted::Known => Self::Known,
        }
    }
}

label! {
    /// Why a request was not acknowledged.
    pub enum Reason as "reason" {
        /// The secret token was missing or wrong.
        Secret = "secret",
        /// The address was not Telegram's, and the operator wants only those.
        Source = "source",
        /// The length was missing.
        NoLength = "no_length",
        /// The body was longer than it may be.
        TooLarge = "too_large",
        /// The body was compressed.
        Encoded = "encoded",
        /// The client wanted to hear first whether it may send.
        Expectation = "expectation",
        /// The body ended early.
        BrokenOff = "broken_off",
        /// The body did not come in time.
        TooSlow = "too_slow",
        /// The body was no update.
        NotAnUpdate = "not_an_update",
        /// There was no memory for one more body.
        Crowded = "crowded",
        /// As many updates waited as may.
        Full = "full",
        /// The inbox could not be written.
        NotStored = "not_stored",
        /// The update was not handled in time, where it is acknowledged only then.
        NotHandled = "not_handled",
    }
}

impl Reason {
    /// What the answer says then.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Secret
            | Self::Source
            | Self::NoLength
            | Self::TooLarge
            | Self::Encoded
            | Self::Expectation
            | Self::BrokenOff
            | Self::TooSlow
            | Self::NotAnUpdate => Outcome::Refused,
            Self::Crowded | Self::Full | Self::NotStored | Self::NotHandled => Outcome::Unavailable,
        }
    }
}
