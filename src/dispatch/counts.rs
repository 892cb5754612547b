use crate::inbox::Verdict;
use crate::telemetry::{Counter, Family, Histogram, Registry, Unit, durations, label};

/// What dispatch counts since the start.
#[derive(Debug)]
pub struct Counts {
    /// Attempts that ended, by outcome.
    pub attempts: Family<AttemptOutcome, Counter>,
    /// The duration of each run of the handler, without the calls that it returned.
    pub handler: Histogram,
    /// Calls that were given up, by reason.
    pub given_up: Family<GiveUpReason, Counter>,
    /// Attempts whose outcome was not recorded, because another instance had claimed the update.
    pub leases_lost: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            attempts: Family::default(),
            handler: durations(),
            given_up: Family::default(),
            leases_lost: Counter::default(),
        }
    }
}

impl Counts {
    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "doorbell_leases_lost",
            "Attempts whose outcome was refused, because their lease had lapsed and another instance claimed the update",
            self.leases_lost.clone(),
        );
        registry.register(
            "doorbell_attempts",
            "Attempts that ended, by outcome. Each attempt that ended dead or expired is one update",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "doorbell_handler_duration",
            "How long the handler took for an update, without the calls that it returned",
            Unit::Seconds,
            self.handler.clone(),
        );
        registry.register(
            "doorbell_telegram_calls_given_up",
            "Calls that were given up, by reason. refused: the update is a dead-letter update. ordinary: the person \
             blocked the bot, or it was too late. unknown: every answer was lost",
            self.given_up.clone(),
        );
    }
}

label! {
    /// How an attempt ended.
    pub enum AttemptOutcome as "outcome" {
        /// Handled, every call made.
        Done = "done",
        /// The bot failed, and is tried again.
        Retry = "retry",
        /// The bot was away, and is tried again.
        Postponed = "postponed",
        /// Handled, and calls are left to be made.
        CallsLeft = "calls_left",
        /// Given up: it is a dead-letter update.
        Dead = "dead",
        /// Its lifetime ended before it was handled.
        Expired = "expired",
        /// Put back into the inbox, because the service stops.
        Released = "released",
    }
}

label! {
    /// Why a call is not made again.
    pub enum GiveUpReason as "reason" {
        /// Telegram refused it. The update becomes a dead-letter update.
        Refused = "refused",
        /// Telegram refused it, and nothing has to be corrected: the person has blocked the bot, or it is too late.
        Ordinary = "ordinary",
        /// It was sent as often as allowed, and each answer was lost.
        Unknown = "unknown",
    }
}

impl From<&Verdict> for AttemptOutcome {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Done => Self::Done,
            Verdict::Retry { .. } => Self::Retry,
            Verdict::Postpone { .. } => Self::Postponed,
            Verdict::CallsLeft { .. } => Self::CallsLeft,
            Verdict::Dead { .. } | Verdict::Refused { .. } => Self::Dead,
            Verdict::Expired => Self::Expired,
            Verdict::Released => Self::Released,
        }
    }
}
