use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::error::ApiError;
use crate::telemetry::{Counter, Family, Histogram, Registry, Unit, durations, label};

/// What the client of the Bot API counts since the start.
#[derive(Debug)]
pub struct Counts {
    /// Calls that were made, by group of methods and outcome.
    pub calls: Family<(MethodGroup, CallOutcome), Counter>,
    /// The duration of each call.
    pub took: Family<MethodGroup, Histogram>,
    /// The sum of all waits that Telegram asked for, in seconds.
    pub throttled: Counter<f64, AtomicU64>,
    /// Calls that were put off, because a limit did not allow them yet.
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
            "Calls of the Bot API, by group of methods and outcome. throttled: Telegram answered 429",
            self.calls.clone(),
        );
        registry.register_with_unit(
            "doorbell_telegram_call_duration",
            "How long a call of the Bot API took, by group of methods",
            Unit::Seconds,
            self.took.clone(),
        );
        registry.register_with_unit(
            "doorbell_telegram_throttled",
            "The sum of all waits that Telegram asked for (429)",
            Unit::Seconds,
            self.throttled.clone(),
        );
        registry.register(
            "doorbell_telegram_calls_put_off",
            "Calls that were put off, because Telegram had asked to wait or a limit of [outbound] was reached",
            self.put_off.clone(),
        );
    }

    /// Counts a call that was made.
    pub(super) fn note<T>(&self, method: &str, made: &Result<T, ApiError>, took: Duration) {
        let group = MethodGroup::of(method);
        let answered = match made {
            Ok(_) => CallOutcome::Ok,
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
    /// Methods with similar limits and durations.
    pub enum MethodGroup as "group" {
        /// Sends, forwards or copies a message.
        Send = "send",
        /// Edits or deletes a message.
        Edit = "edit",
        /// Answers a query, which expires within seconds.
        Answer = "answer",
        /// Sets or reads the webhook.
        Webhook = "webhook",
        /// All other methods.
        Other = "other",
    }
}

impl MethodGroup {
    /// The group of a method. Telegram ignores the case of the name, and a handler may return any name.
    #[must_use]
    pub fn of(method: &str) -> Self {
        const VERBS: [(&str, MethodGroup); 7] = [
            ("send", MethodGroup::Send),
            ("forward", MethodGroup::Send),
            ("copy", MethodGroup::Send),
            ("edit", MethodGroup::Edit),
            ("stop", MethodGroup::Edit),
            ("deleteMessage", MethodGroup::Edit),
            ("answer", MethodGroup::Answer),
        ];
        let begins = |verb: &str| method.get(..verb.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(verb));
        if method.ends_with("Webhook") || method.ends_with("WebhookInfo") {
            return Self::Webhook;
        }
        VERBS.iter().find(|(verb, _)| begins(verb)).map_or(Self::Other, |(_, group)| *group)
    }
}

label! {
    /// The outcome of a call.
    pub enum CallOutcome as "outcome" {
        /// It was carried out.
        Ok = "ok",
        /// Telegram asked to wait (429).
        Throttled = "throttled",
        /// Telegram refused it.
        Refused = "refused",
        /// There was no connection, or Telegram answered with a server error.
        Unreachable = "unreachable",
        /// A server in front of the Bot API answered.
        Unreadable = "unreadable",
        /// It was sent, and its answer was lost.
        Unknown = "unknown",
    }
}

impl From<&ApiError> for CallOutcome {
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
    fn each_method_has_a_group_and_an_unknown_one_makes_no_new_group() {
        for (method, group) in [
            ("sendMessage", MethodGroup::Send),
            ("SENDPHOTO", MethodGroup::Send),
            ("forwardMessages", MethodGroup::Send),
            ("editMessageText", MethodGroup::Edit),
            ("deleteMessages", MethodGroup::Edit),
            ("answerCallbackQuery", MethodGroup::Answer),
            ("setWebhook", MethodGroup::Webhook),
            ("getWebhookInfo", MethodGroup::Webhook),
            ("getMe", MethodGroup::Other),
            ("setMyCommands", MethodGroup::Other),
            ("send\u{e9}", MethodGroup::Send),
            ("se\u{e9}", MethodGroup::Other),
            ("", MethodGroup::Other),
        ] {
            assert_eq!(MethodGroup::of(method), group, "{method}");
        }
    }
}
