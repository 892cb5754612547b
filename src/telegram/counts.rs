use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::ApiError;
use crate::telemetry::{Counter, Family, Histogram, Registry, Unit, durations, label};

/// Calls of the Bot API, since the start.
#[derive(Debug)]
pub struct Counts {
    /// Calls that were made, by what they do and what came of it.
    pub calls: Family<(Group, Answered), Counter>,
    /// How long each took.
    pub took: Family<Group, Histogram>,
    /// For how long in all Telegram asked to wait, in seconds.
    pub throttled: Counter<f64, AtomicU64>,
    /// Calls that were not made yet, because they would have come too soon.
    pub put_off: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            took: Family::of_each(durations),
            throttled: Counter::default(),
            put_off: Counter::default(),
        }
    }
}

impl Counts {
    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "doorbell_telegram_calls",
            "Calls of the Bot API, by what they do and what came of them. throttled: Telegram answered 429",
            self.calls.clone(),
        );
        registry.register_with_unit(
            "doorbell_telegram_call_duration",
            "How long a call of the Bot API took, by what it does",
            Unit::Seconds,
            self.took.clone(),
        );
        registry.register_with_unit(
            "doorbell_telegram_throttled",
            "For how long Telegram asked to wait (429), all waits together",
            Unit::Seconds,
            self.throttled.clone(),
        );
        registry.register(
            "doorbell_telegram_calls_put_off",
            "Calls that were not made yet, because Telegram had asked to wait or a cap of [outbound] was reached",
            self.put_off.clone(),
        );
    }

    /// Counts a call that was made.
    pub(super) fn note<T>(&self, method: &str, made: &Result<T, ApiError>, took: Duration) {
        let group = Group::of(method);
        let answered = match made {
            Ok(_) => Answered::Ok,
            Err(error) => error.into(),
        };
        if let Err(ApiError::Throttled { retry_after }) = made {
            self.throttled.inc_by(retry_after.as_secs_f64());
        }
        self.calls.of((group, answered)).inc();
        self.took.of(group).observe(took.as_secs_f64());
    }
}

label! {
    /// What a method does, as far as its limits and its slowness are alike.
    pub enum Group as "group" {
        /// Sends, forwards or copies a message.
        Send = "send",
        /// Changes or removes one.
        Edit = "edit",
        /// Answers a query, which lives for seconds.
        Answer = "answer",
        /// Keeps the webhook.
        Webhook = "webhook",
        /// Everything else.
        Other = "other",
    }
}

impl Group {
    /// That of a method, whose name may come from anybody: Telegram reads it in any case.
    fn of(method: &str) -> Self {
        const VERBS: [(&str, Group); 7] = [
            ("send", Group::Send),
            ("forward", Group::Send),
            ("copy", Group::Send),
            ("edit", Group::Edit),
            ("stop", Group::Edit),
            ("deleteMessage", Group::Edit),
            ("answer", Group::Answer),
        ];
        let begins = |verb: &str| method.get(..verb.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(verb));
        if method.ends_with("Webhook") || method.ends_with("WebhookInfo") {
            return Self::Webhook;
        }
        VERBS.iter().find(|(verb, _)| begins(verb)).map_or(Self::Other, |(_, group)| *group)
    }
}

label! {
    /// What came of a call.
    pub enum Answered as "outcome" {
        /// It was carried out.
        Ok = "ok",
        /// Telegram asked to wait (429).
        Throttled = "throttled",
        /// Telegram will not do it.
        Refused = "refused",
        /// There was no connection, or Telegram was in trouble itself.
        Unreachable = "unreachable",
        /// Something in front of the Bot API answered.
        Unreadable = "unreadable",
        /// It was sent, and its answer was lost.
        Unknown = "unknown",
    }
}

impl From<&ApiError> for Answered {
    fn from(error: &ApiError) -> Self {
        match error {
            ApiError::Throttled { .. } => Self::Throttled,
            ApiError::Refused { .. } | ApiError::NotAllowed { .. } => Self::Refused,
            ApiError::Unreachable { .. } => Self::Unreachable,
            ApiError::Unreadable { .. } => Self::Unreadable,
            ApiError::Unknown { .. } => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_counted_among_those_that_do_the_like_and_an_unknown_one_makes_no_new_group() {
        for (method, group) in [
            ("sendMessage", Group::Send),
            ("SENDPHOTO", Group::Send),
            ("forwardMessages", Group::Send),
            ("editMessageText", Group::Edit),
            ("deleteMessages", Group::Edit),
            ("answerCallbackQuery", Group::Answer),
            ("setWebhook", Group::Webhook),
            ("getWebhookInfo", Group::Webhook),
            ("getMe", Group::Other),
            ("setMyCommands", Group::Other),
            ("send\u{e9}", Group::Send),
            ("se\u{e9}", Group::Other),
            ("", Group::Other),
        ] {
            assert_eq!(Group::of(method), group, "{method}");
        }
    }
}
