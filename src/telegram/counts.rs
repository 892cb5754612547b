use std::time::Duration;

use super::ApiError;
use crate::telemetry::{Counter, Family, Histogram, label};

/// Calls of the Bot API, since the start.
#[derive(Debug)]
pub struct Counts {
    /// Calls that were made, by what they do and what came of it.
    pub calls: Family<Group, Family<Answered, Counter>>,
    /// How long each took.
    pub took: Family<Group, Histogram>,
    /// For how long in all Telegram asked to wait, in milliseconds.
    pub throttled_ms: Counter,
    /// Calls that were not made yet, because they would have come too soon.
    pub put_off: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            took: Family::of_each(Histogram::of_spans),
            throttled_ms: Counter::default(),
            put_off: Counter::default(),
        }
    }
}

impl Counts {
    /// Counts a call that was made.
    pub(super) fn note<T>(&self, method: &str, made: &Result<T, ApiError>, took: Duration) {
        let group = Group::of(method);
        let answered = match made {
            Ok(_) => Answered::Ok,
            Err(error) => error.into(),
        };
        if let Err(ApiError::Throttled { retry_after }) = made {
            self.throttled_ms.add(u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX));
        }
        self.calls.of(group).of(answered).count();
        self.took.of(group).took(took);
    }
}

label! {
    /// What a method does, as far as its limits and its slowness are alike.
    pub enum Group {
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
    pub enum Answered {
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
