use std::time::Duration;

use super::explain::explain;
use super::status::{RefusedToken, Status};
use crate::telegram::ApiError;

/// A throttle of `setWebhook` that is no longer than this was caused by another call of it.
const MOMENT: Duration = Duration::from_secs(3);

/// Why an attempt did not end with a webhook that is ours, named for what happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AttemptError {
    /// Never again: the token has not been accepted even once.
    TokenRefused(RefusedToken),
    /// Again, after this wait.
    Throttled(Duration),
    /// Again, soon: nothing was changed, and the cause passes.
    RetrySoon(String),
    /// Again, soon: another program or instance sets the webhook at the same moment. The webhook may be ours.
    Contended { reason: String, least: Duration },
    /// Again, with growing waits: Telegram would not or could not change the webhook.
    RetryLater(String),
    /// Again, every few minutes: the operator must correct the cause. `transient`: every few seconds for a while, because
    /// the cause passes without a change of the settings, and the bot has no webhook until then.
    Refused { reason: String, advice: String, transient: bool },
}

impl AttemptError {
    /// `accepted`: whether the token has been accepted before. A token that is refused later was revoked while the
    /// service ran: that is reported, and does not end a service that can still accept updates.
    pub(super) fn of(error: ApiError, accepted: bool) -> Self {
        match error {
            ApiError::Throttled { retry_after } => Self::Throttled(retry_after),
            // The registrar makes no call that is not allowed.
            ApiError::Unreachable { .. }
            | ApiError::Unreadable { .. }
            | ApiError::Unknown { .. }
            | ApiError::NotAllowed { .. } => Self::RetrySoon(error.to_string()),
            // A token that is not even well-formed is refused with 404 or 421.
            ApiError::Refused { code: code @ (401 | 404 | 421), description, .. } if !accepted => {
                Self::TokenRefused(RefusedToken { description: format!("{code} {description}") })
            }
            // "terminated by other setWebhook": two instances start at once.
            ApiError::Refused { code: 409, description, .. } => {
                Self::Contended { reason: format!("409 {description}"), least: Duration::ZERO }
            }
            ApiError::Refused { code, description, .. } => {
                let known = explain(&description);
                let advice = known.map_or_else(
                    || "Check PUBLIC_URL and the [webhook] settings.".to_owned(),
                    |known| format!("This means: {}. {}", known.means, known.remedy),
                );
                let transient = code == 400 && known.is_some_and(|known| known.is_transient());
                Self::Refused { reason: format!("Telegram says {code} {description}"), advice, transient }
            }
        }
    }

    /// The same error of a call that changes the webhook, or that reads a change back.
    pub(super) fn of_a_change(self) -> Self {
        match self {
            Self::RetrySoon(reason) => Self::RetryLater(reason),
            // Telegram accepts one `setWebhook` a second: another program has just made one.
            Self::Throttled(least) if least <= MOMENT => {
                Self::Contended { reason: "Telegram asks to wait (429, too many requests)".to_owned(), least }
            }
            Self::TokenRefused(_)
            | Self::Throttled(_)
            | Self::Contended { .. }
            | Self::RetryLater(_)
            | Self::Refused { .. } => self,
        }
    }

    /// The status until the next attempt.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::TokenRefused(refused) => {
                Status::Refused { reason: refused.to_string(), advice: refused.hint().to_owned() }
            }
            Self::Throttled(_) => {
                Status::Registering { trouble: Some("Telegram asks to wait (429, too many requests)".to_owned()) }
            }
            Self::RetrySoon(reason) | Self::Contended { reason, .. } | Self::RetryLater(reason) => {
                Status::Registering { trouble: Some(reason.clone()) }
            }
            Self::Refused { reason, advice, transient } => {
                let next = if *transient {
                    "every few seconds for ten minutes, and every few minutes after that"
                } else {
                    "every few minutes"
                };
                Status::Refused { reason: reason.clone(), advice: format!("{advice} Doorbell tries again {next}.") }
            }
        }
    }
}
