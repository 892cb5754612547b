use serde::Serialize;

use super::wanted::NotWanted;
use crate::telemetry::label;

/// How the service stands with Telegram, as the log, `/healthz` and the doctor tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// Not registered yet, or again; Doorbell goes on trying.
    Registering {
        /// What the last try met; none before the first has ended. In JSON it has the name that a refusal's has: the
        /// notes beside it have a `trouble` of their own.
        #[serde(rename = "reason")]
        trouble: Option<String>,
    },
    /// Telegram rings us, as wanted.
    Active {
        /// Our host, as Telegram has it.
        host: String,
    },
    /// Another service has taken the webhook; Doorbell does not take it back while it leads there.
    Superseded {
        /// That service's host.
        host: String,
    },
    /// Telegram will not have this webhook, or would not if it were asked; or it is another
    /// service's, and this one has no right to take it over.
    Refused {
        /// Telegram's words, or what was found before it was asked to change anything.
        reason: String,
        /// What it means and what to do.
        advice: String,
    },
    /// The service does not register itself.
    Off {
        /// Why.
        why: NotWanted,
    },
}

impl Standing {
    /// Whether Telegram rings us.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self, Self::Active { .. })
    }

    /// Whether the service can be called ready: Telegram sends its updates here, or the operator
    /// wants another program to see to that.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Active { .. } | Self::Off { why: NotWanted::TurnedOff })
    }

    /// Its name, the same as in JSON.
    #[must_use]
    pub fn name(&self) -> StandingName {
        match self {
            Self::Registering { .. } => StandingName::Registering,
            Self::Active { .. } => StandingName::Active,
            Self::Superseded { .. } => StandingName::Superseded,
            Self::Refused { .. } => StandingName::Refused,
            Self::Off { .. } => StandingName::Off,
        }
    }

    /// What happened, what it means, what Doorbell does now, what the operator can do.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Registering { trouble: None } => "The webhook is being registered with Telegram.".to_owned(),
            Self::Registering { trouble: Some(trouble) } => format!(
                "The webhook is not registered now: {trouble}. Updates wait at Telegram, for 24 h at most, and Doorbell \
                 goes on trying."
            ),
            Self::Active { host } => format!("Telegram sends this bot's updates to {host}, as wanted."),
            Self::Superseded { host } => format!(
                "Another service, at {host}, has taken this bot's webhook: updates go there and not here. Doorbell does \
                 not take it back, so that two services never fight; it registers again once that webhook is removed. \
                 If this one shall have the bot, stop the other and start this one again, or run `doorbell webhook \
                 set` to take the webhook on purpose."
            ),
            Self::Refused { reason, advice } => {
                format!("The webhook is not registered: {reason}. No updates arrive here. {advice}")
            }
            Self::Off { why: NotWanted::TurnedOff } => {
                "Registration is turned off (webhook.register = false): Doorbell takes in what arrives, but does not \
                 tell Telegram where to send updates. `doorbell webhook set` does it once."
                    .to_owned()
            }
            Self::Off { why: NotWanted::NoPublicUrl } => {
                "Doorbell does not know its public URL, so Telegram cannot be told where to send updates, and none \
                 arrive. Set PUBLIC_URL to the https address at which this service is reached from outside; some \
                 platforms, such as Cloud Run and DigitalOcean, show it on their pages and do not tell it to a service."
                    .to_owned()
            }
            Self::Off { why: NotWanted::NoToken } => {
                "This is a preview without a bot token: it serves its health only, takes in no updates, and does not \
                 speak to Telegram. To try the bot here, give it the token of a bot of its own (TELEGRAM_BOT_TOKEN), \
                 and set DOORBELL__WEBHOOK__TAKEOVER=always."
                    .to_owned()
            }
        }
    }
}

label! {
    /// A standing without what belongs to it.
    pub enum StandingName as "standing" {
        /// See [`Standing::Registering`].
        Registering = "registering",
        /// See [`Standing::Active`].
        Active = "active",
        /// See [`Standing::Superseded`].
        Superseded = "superseded",
        /// See [`Standing::Refused`].
        Refused = "refused",
        /// See [`Standing::Off`].
        Off = "off",
    }
}

/// Telegram does not know the bot token: the service cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Telegram refuses the bot token: {words}")]
pub struct RefusedToken {
    /// The code and Telegram's words.
    pub words: String,
}

impl RefusedToken {
    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "The token was revoked, or is not complete. Ask @BotFather for it (/mybots, the bot, API Token) and set \
         TELEGRAM_BOT_TOKEN to it. A token of Telegram's test environment needs telegram.test_environment = true."
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Label;

    #[test]
    fn a_standing_is_written_for_machines_under_its_own_name() {
        let standing = Standing::Superseded { host: "b.example".to_owned() };
        assert_eq!(standing.name().name(), "superseded");
        assert_eq!(serde_json::to_string(&standing).unwrap(), r#"{"standing":"superseded","host":"b.example"}"#);
        let standing = Standing::Off { why: NotWanted::NoPublicUrl };
        assert_eq!(serde_json::to_string(&standing).unwrap(), r#"{"standing":"off","why":"no_public_url"}"#);
    }

    #[test]
    fn whoever_took_the_webhook_is_named_and_a_way_out_too() {
        let sentence = Standing::Superseded { host: "b.example".to_owned() }.sentence();
        assert!(sentence.contains("b.example") && sentence.contains("doorbell webhook set"));
    }
}
