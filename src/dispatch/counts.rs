use crate::inbox::Verdict;
use crate::telemetry::{Counter, Family, Histogram, Registry, Unit, durations, label};

/// Attempts, since the start.
#[derive(Debug)]
pub struct Counts {
    /// Attempts that ended, by how.
    pub attempts: Family<Outcome, Counter>,
    /// How long each run of the handler took, without the calls that it wanted.
    pub handler: Histogram,
    /// Attempts whose outcome was not recorded, because the update had been given to somebody else.
    pub leases_lost: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        Self { attempts: Family::default(), handler: durations(), leases_lost: Counter::default() }
    }
}

impl Counts {
    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "doorbell_leases_lost",
            "Attempts whose outcome was refused, because their lease had lapsed and the update was given to another",
            self.leases_lost.clone(),
        );
        registry.register(
            "doorbell_attempts",
            "Attempts that ended, by outcome. Those that ended dead or expired are as many updates",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "doorbell_handler_duration",
            "How long the handler took for an update, without the calls that it returned",
            Unit::Seconds,
            self.handler.clone(),
        );
    }
}

label! {
    /// How an attempt ended.
    pub enum Outcome as "outcome" {
        /// Handled, every call made.
        Done = "done",
        /// The bot failed, and is tried again.
        Retry = "retry",
        /// The bot was away, and is tried again.
        Postponed = "postponed",
        /// Handled, and calls are left to be made.
        CallsLeft = "calls_left",
        /// Given up: the update is dead.
        Dead = "dead",
        /// The update's life was over before it was handled.
        Expired = "expired",
        /// Put back, because the service stops.
        Released = "released",
    }
}

impl From<&Verdict> for Outcome {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Done => Self::Done,
            Verdict::Retry { .. } => Self::Retry,
            Verdict::Postpone { .. } => Self::Postponed,
            Verdict::CallsLeft { .. } => Self::CallsLeft,
            Verdict::Dead { .. } => Self::Dead,
            Verdict::Expired => Self::Expired,
            Verdict::Released => Self::Released,
        }
    }
}
