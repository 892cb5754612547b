use crate::inbox::VerdictKind;
use crate::telemetry::{Counter, Family, Histogram, Registry, Unit, durations, label};

/// Attempts, since the start.
#[derive(Debug)]
pub struct Counts {
    /// Attempts that ended, by how.
    pub attempts: Family<VerdictKind, Counter>,
    /// How long each run of the handler took, without the calls that it wanted.
    pub handler: Histogram,
    /// Calls that are not made again although Telegram has not carried them out, or not said so, by reason.
    pub given_up: Family<GivenUp, Counter>,
    /// Attempts whose outcome was not recorded, because the update had been given to somebody else.
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
        registry.register(
            "doorbell_telegram_calls_given_up",
            "Calls that are not made again, by reason. refused: the update is dead. ordinary: the person blocked the \
             bot, or it was too late. unknown: every answer was lost",
            self.given_up.clone(),
        );
    }
}

label! {
    /// Why a call is not made again.
    pub enum GivenUp as "reason" {
        /// Telegram refused it: its update is dead.
        Refused = "refused",
        /// Telegram refused it, and nothing is left to mend: the person has blocked the bot, or it is too late.
        Ordinary = "ordinary",
        /// It was sent as often as it may be, and each answer was lost.
        Unknown = "unknown",
    }
}
