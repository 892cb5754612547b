use jiff::Timestamp;

use crate::telemetry::label;

/// Whether the bot behind the service takes updates. Updates wait in the inbox while it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BotStatus {
    /// It takes connections.
    Available,
    /// No address is known at which the bot listens.
    NoTarget {
        /// What to do.
        sentence: String,
    },
    /// The bot has called `deleteWebhook`.
    Paused,
    /// It takes no connections, or answers that it is not available.
    Away {
        /// Since when, by the time of day.
        since: Timestamp,
        /// What was seen last.
        reason: String,
    },
    /// It answers, but as a bot that is set up wrong.
    Misconfigured {
        /// What was seen and what to change.
        sentence: String,
    },
}

label! {
    /// The name of a [`BotStatus`].
    pub enum BotStatusName as "status" {
        /// See [`BotStatus::Available`].
        Available = "available",
        /// See [`BotStatus::NoTarget`].
        NoTarget = "no_target",
        /// See [`BotStatus::Paused`].
        Paused = "paused",
        /// See [`BotStatus::Away`].
        Away = "away",
        /// See [`BotStatus::Misconfigured`].
        Misconfigured = "misconfigured",
    }
}

impl BotStatus {
    /// The name of the status, for metrics and machines.
    #[must_use]
    pub fn name(&self) -> BotStatusName {
        match self {
            Self::Available => BotStatusName::Available,
            Self::NoTarget { .. } => BotStatusName::NoTarget,
            Self::Paused => BotStatusName::Paused,
            Self::Away { .. } => BotStatusName::Away,
            Self::Misconfigured { .. } => BotStatusName::Misconfigured,
        }
    }

    /// Whether the bot takes connections.
    #[must_use]
    pub fn is_available(&self) -> bool {
        *self == Self::Available
    }

    /// What happened, what it means and what to do. It holds no path of a URL and no secret.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Available => "your bot takes connections".to_owned(),
            Self::NoTarget { sentence } => format!("{sentence}; its updates wait in the inbox"),
            Self::Paused => {
                "your bot has called deleteWebhook: its updates wait in the inbox until it calls setWebhook".to_owned()
            }
            Self::Away { since, reason } => format!(
                "your bot is away since {since:.0}: {reason}. Its updates wait in the inbox and lose no attempt; the \
                 service tries to reach it every second"
            ),
            Self::Misconfigured { sentence } => {
                format!(
                    "{sentence}. Updates wait in the inbox and lose no attempt; the service tries again every second"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_a_sentence_that_says_what_happens_to_the_updates() {
        let statuses = [
            BotStatus::NoTarget { sentence: "no address".to_owned() },
            BotStatus::Paused,
            BotStatus::Away { since: Timestamp::UNIX_EPOCH, reason: "connection refused".to_owned() },
            BotStatus::Misconfigured { sentence: "it answers 404".to_owned() },
        ];
        for status in &statuses {
            assert!(status.sentence().to_lowercase().contains("updates wait in the inbox"), "{status:?}");
            assert!(!status.is_available());
        }
        assert!(statuses[2].sentence().contains("1970-01-01T00:00:00Z"), "{}", statuses[2].sentence());
        assert!(BotStatus::Available.is_available());
    }
}
