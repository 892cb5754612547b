use jiff::Timestamp;
use serde::Serialize;

use super::wanted::{OffReason, TakeoverPolicy};
use crate::telegram::WebhookInfo;
use crate::telemetry::label;

/// The status of the registration, as the log, `/healthz` and the doctor report it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Status {
    /// Not registered, or not yet; Doorbell keeps trying.
    Registering {
        /// Why the last attempt failed; none before the first has ended. In JSON its name is `reason`, as in a refusal,
        /// because [`WebhookHealth`] beside it has a `trouble` of its own.
        #[serde(rename = "reason")]
        trouble: Option<String>,
    },
    /// Telegram sends updates here, as wanted.
    Active {
        /// Our host, as Telegram has it.
        host: String,
    },
    /// Another service has taken the webhook. Doorbell does not take it back while it leads there.
    Superseded {
        /// The host of that service.
        host: String,
    },
    /// Telegram refuses this webhook, or would refuse it; or the webhook is another service's, and this one may not take
    /// it over.
    Refused {
        /// Telegram's description, or what was found before Telegram was asked to change anything.
        reason: String,
        /// What it means and what to do.
        advice: String,
    },
    /// The service does not register itself.
    Off {
        /// Why.
        why: OffReason,
    },
}

impl Status {
    /// Whether Telegram sends updates here.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self, Self::Active { .. })
    }

    /// Whether the service is ready as far as the webhook is concerned: Telegram sends its updates here, or the operator
    /// wants another program to register the webhook.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Active { .. } | Self::Off { why: OffReason::TurnedOff })
    }

    /// Its name, the same as in JSON.
    #[must_use]
    pub fn name(&self) -> StatusName {
        match self {
            Self::Registering { .. } => StatusName::Registering,
            Self::Active { .. } => StatusName::Active,
            Self::Superseded { .. } => StatusName::Superseded,
            Self::Refused { .. } => StatusName::Refused,
            Self::Off { .. } => StatusName::Off,
        }
    }

    /// What happened, what it means, what Doorbell does now, what the operator can do.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Registering { trouble: None } => "Doorbell is registering the webhook with Telegram.".to_owned(),
            Self::Registering { trouble: Some(trouble) } => format!(
                "The webhook is not registered now: {trouble}. Updates wait at Telegram for at most 24 h, and Doorbell \
                 keeps trying."
            ),
            Self::Active { host } => format!("Telegram sends this bot's updates to {host}, as wanted."),
            Self::Superseded { host } => format!(
                "Another service, at {host}, has taken this bot's webhook: updates go there and not here. Doorbell does \
                 not take it back, so that two services never fight. It registers again once that webhook is removed. \
                 If this service should have the bot, stop the other one and start this one again, or run `doorbell \
                 webhook set` to take the webhook on purpose."
            ),
            Self::Refused { reason, advice } => {
                format!("The webhook is not registered: {reason}. No updates arrive here. {advice}")
            }
            Self::Off { why: OffReason::TurnedOff } => {
                "Registration is turned off (webhook.register = false): Doorbell accepts updates, but does not tell \
                 Telegram where to send them. `doorbell webhook set` does so once."
                    .to_owned()
            }
            Self::Off { why: OffReason::NoPublicUrl } => {
                "Doorbell does not know its public URL, so it cannot tell Telegram where to send updates, and none \
                 arrive. Set PUBLIC_URL to the https address at which this service is reached from outside. Some \
                 platforms, such as Cloud Run and DigitalOcean, show it on their pages and do not tell it to a service."
                    .to_owned()
            }
            Self::Off { why: OffReason::NoToken } => {
                "This is a preview without a bot token: it serves its health only, accepts no updates, and does not \
                 contact Telegram. To try the bot here, give it the token of a separate bot (TELEGRAM_BOT_TOKEN), and \
                 set DOORBELL__WEBHOOK__TAKEOVER=always."
                    .to_owned()
            }
        }
    }

    /// The status of a service that leaves the webhook of another host alone; none if its policy lets it take over.
    pub(super) fn left_alone(policy: TakeoverPolicy, host: &str) -> Option<Self> {
        let why = match policy {
            TakeoverPolicy::Any => return None,
            TakeoverPolicy::Preview { evidence } => return Some(Self::preview(evidence)),
            TakeoverPolicy::FreeOnly => {
                "and a service takes a webhook over without being asked only where its platform (such as Render or Fly) \
                 shows that it is production"
            }
            TakeoverPolicy::FreeOnlyByOrder => "and webhook.takeover = \"never\" forbids to take it over",
        };
        Some(Self::Refused {
            reason: format!("it leads to another service, at {host}, {why}"),
            advice: format!(
                "Doorbell leaves it alone. To take it on purpose, and all updates away from {host}: `doorbell serve \
                 --takeover`, or webhook.takeover = \"always\". To try something out, use a separate bot instead: send \
                 /newbot to @BotFather."
            ),
        })
    }

    /// The status of a preview, which takes no webhook.
    pub(super) fn preview(evidence: &str) -> Self {
        Self::Refused {
            reason: format!(
                "this is a preview or a test environment ({evidence}), and a preview never takes the webhook from \
                 production"
            ),
            advice:
                "Doorbell did not ask Telegram to change anything. To try the bot here, give the preview the token of \
                     a separate bot, and set DOORBELL__WEBHOOK__TAKEOVER=always."
                    .to_owned(),
        }
    }

    /// The status after a webhook that was left alone is gone. The service that had it may be about to set it again.
    pub(super) fn removed_elsewhere() -> Self {
        Self::Refused {
            reason: "it led to another service when this one started, and has been removed since".to_owned(),
            advice:
                "Doorbell leaves it to that service to set it again. If this service should have the bot, start it \
                     again."
                    .to_owned(),
        }
    }

    /// The status of a webhook that Telegram would refuse.
    pub(super) fn invalid(problems: &[String]) -> Self {
        Self::Refused {
            reason: problems.join("; "),
            advice:
                "Telegram was not asked, because a refusal would remove the webhook that the bot may have. Correct \
                     PUBLIC_URL or the [webhook] settings and start again."
                    .to_owned(),
        }
    }
}

label! {
    /// The name of a status.
    pub enum StatusName as "standing" {
        /// See [`Status::Registering`].
        Registering = "registering",
        /// See [`Status::Active`].
        Active = "active",
        /// See [`Status::Superseded`].
        Superseded = "superseded",
        /// See [`Status::Refused`].
        Refused = "refused",
        /// See [`Status::Off`].
        Off = "off",
    }
}

/// What the registrar has observed about the webhook, beside its [status](Status).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WebhookHealth {
    /// How often the webhook was set again since the start, because another program had removed or changed it.
    #[serde(rename = "healed")]
    pub repairs: u64,
    /// What the log said about the last repair. It is cleared after a period without damage.
    pub conflict: Option<String>,
    /// The number of updates that waited at Telegram at the last check.
    pub pending: Option<u64>,
    /// When a delivery last failed, as Telegram reported at the last check. It stays after recovery.
    pub last_error_at: Option<Timestamp>,
    /// Why Telegram cannot deliver, in plain words, as long as it cannot.
    pub trouble: Option<String>,
}

impl WebhookHealth {
    /// Records the result of a check.
    pub(super) fn record(&mut self, seen: &WebhookInfo) {
        self.pending = Some(seen.pending_update_count);
        self.last_error_at = seen.last_error_at();
    }
}

/// Telegram does not know the bot token: the service cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Telegram refuses the bot token: {description}")]
pub struct RefusedToken {
    /// The error code and Telegram's description.
    pub description: String,
}

impl RefusedToken {
    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "The token was revoked or is incomplete. Ask @BotFather for it (/mybots, the bot, API Token) and set \
         TELEGRAM_BOT_TOKEN to it. A token of Telegram's test environment needs telegram.test_environment = true."
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Label;

    #[test]
    fn a_status_is_serialized_under_its_own_name() {
        let status = Status::Superseded { host: "b.example".to_owned() };
        assert_eq!(status.name().name(), "superseded");
        assert_eq!(serde_json::to_string(&status).unwrap(), r#"{"standing":"superseded","host":"b.example"}"#);
        let status = Status::Off { why: OffReason::NoPublicUrl };
        assert_eq!(serde_json::to_string(&status).unwrap(), r#"{"standing":"off","why":"no_public_url"}"#);
    }

    #[test]
    fn the_service_that_took_the_webhook_is_named_with_a_way_to_take_it_back() {
        let sentence = Status::Superseded { host: "b.example".to_owned() }.sentence();
        assert!(sentence.contains("b.example") && sentence.contains("doorbell webhook set"));
    }

    #[test]
    fn the_service_that_is_left_alone_is_named_with_a_way_to_take_over_on_purpose() {
        let sentence = Status::left_alone(TakeoverPolicy::FreeOnly, "b.example").unwrap().sentence();
        for words in ["b.example", "doorbell serve --takeover", "webhook.takeover = \"always\"", "/newbot"] {
            assert!(sentence.contains(words), "{sentence}");
        }
        assert_eq!(Status::left_alone(TakeoverPolicy::Any, "b.example"), None);
    }
}
