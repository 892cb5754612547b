use std::sync::atomic::AtomicU64;

use crate::telemetry::{Counter, Family, Histogram, Registry, Unit, durations, label};

/// What the forward counts since the start.
#[derive(Debug)]
pub struct Counts {
    /// Requests to the bot that ended, by outcome.
    pub requests: Family<ForwardOutcome, Counter>,
    /// The time from each request to the end of its answer.
    pub took: Histogram,
    /// How long the bot was away or set up wrong.
    pub away: Counter<f64, AtomicU64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { requests: Family::default(), took: durations(), away: Counter::default() }
    }
}

impl Counts {
    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "doorbell_forward_requests",
            "Requests to your bot that ended, by outcome. away, throttled and misconfigured cost the update no attempt",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "doorbell_forward_duration",
            "How long your bot took for a request",
            Unit::Seconds,
            self.took.clone(),
        );
        registry.register_with_unit(
            "doorbell_forward_away",
            "How long your bot was away or set up wrong, while a place to forward to was known",
            Unit::Seconds,
            self.away.clone(),
        );
    }
}

label! {
    /// How a request to the bot ended.
    pub enum ForwardOutcome as "outcome" {
        /// It was taken (2xx).
        Taken = "taken",
        /// It was taken, and the answer held a call of the Bot API.
        Call = "call",
        /// The bot answered with an error. The update is tried again.
        Failed = "failed",
        /// The bot cut the connection.
        Cut = "cut",
        /// The bot did not answer in time.
        TimedOut = "timed_out",
        /// There was no connection, or the bot answered 502, 503 or 504.
        Away = "away",
        /// The bot asked to wait (429).
        Throttled = "throttled",
        /// The bot answered as one that is set up wrong.
        Misconfigured = "misconfigured",
    }
}
