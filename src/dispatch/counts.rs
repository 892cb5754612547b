use crate::inbox::VerdictKind;
use crate::telemetry::{Counter, Family, Histogram, Registry, Unit, durations, label};

/// What dispatch counts since the start.
#[derive(Debug)]
pub struct Counts {
    /// Attempts that ended, by outcome.
    pub attempts: Family<VerdictKind, Counter>,
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
