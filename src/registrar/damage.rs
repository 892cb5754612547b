use super::drift::Drift;
use crate::humanize::times;

/// Why a webhook that was ours must be set again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// It was removed.
    Removed,
    /// It is ours, but has other parameters than wanted.
    Changed(Drift),
    /// Telegram sends a secret token that is not the current one.
    Secret,
}

impl Damage {
    pub(super) fn of(drift: Drift) -> Self {
        if drift == Drift::Empty { Self::Removed } else { Self::Changed(drift) }
    }

    /// The index of the kind of damage, from 0 to 2.
    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Removed => 0,
            Self::Changed(_) => 1,
            Self::Secret => 2,
        }
    }

    /// Whether updates still arrive here.
    pub(super) fn leaves_it_ours(&self) -> bool {
        matches!(self, Self::Changed(Drift::AllowedUpdates { .. } | Drift::MaxConnections { .. }))
    }

    /// The sentences for the `time`-th occurrence: what happened, what it means, what Doorbell does, what the operator
    /// can do.
    pub(super) fn sentence(&self, time: u32) -> String {
        let often = times(time);
        match (self, time) {
            (Self::Removed, 1) => {
                "This bot's webhook was removed: some program called deleteWebhook, as polling bots do when they \
                 start. Updates wait at Telegram in the meantime, unless that program fetches them. Doorbell sets the \
                 webhook again at once. Look for a copy of the bot that polls, on your machines or in another service, \
                 and stop it."
                    .to_owned()
            }
            (Self::Removed, _) => format!(
                "This bot's webhook was removed again, {often} in a short time: a polling copy of this bot is running \
                 elsewhere and removes the webhook each time it starts. Updates wait at Telegram for at most 24 h, \
                 unless that copy fetches them. Doorbell keeps setting the webhook, with waits that grow to 5 minutes. \
                 Stop the other copy. If you cannot find it, send /revoke to @BotFather and give the new token to \
                 Doorbell only."
            ),
            (Self::Changed(drift), 1) => format!(
                "This bot's webhook was changed: {drift}. Another program registered it with other settings. Doorbell \
                 sets it again at once with its own settings. If there is another instance of this service, give it \
                 the same [webhook] settings."
            ),
            (Self::Changed(drift), _) => format!(
                "This bot's webhook was changed again, {often} in a short time: {drift}. Two instances of this \
                 service, or an old version and a new one, have different settings, and each sets its own. Doorbell \
                 keeps setting the webhook, with waits that grow to 5 minutes. Give all instances the same [webhook] \
                 settings, and stop old ones."
            ),
            (Self::Secret, 1) => {
                "Telegram sends a secret token that this service does not know. Its updates are refused (401) and wait \
                 at Telegram, which tries again. Another program registered this address with another secret. Doorbell \
                 registers it again at once with its own secret. All instances of a service need the same \
                 TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET."
                    .to_owned()
            }
            (Self::Secret, _) => format!(
                "Telegram's secret token was wrong again, {often} in a short time: another instance of this service \
                 has another secret, and each registers its own. Refused updates wait at Telegram. Doorbell keeps \
                 registering its secret, with waits that grow to 5 minutes. Give all instances the same \
                 TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET. While you change a secret, webhook.previous_secret_token \
                 accepts the old one."
            ),
        }
    }

    /// The short form, as the reason of a status.
    pub(super) fn trouble(&self, time: u32) -> String {
        let often = times(time);
        match self {
            Self::Removed => format!(
                "it was removed {often} in a short time, because a polling copy of this bot is running elsewhere; stop \
                 that copy"
            ),
            Self::Changed(drift) => format!(
                "it was changed {often} in a short time ({drift}); give all instances of this service the same settings"
            ),
            Self::Secret => format!(
                "Telegram's secret token was wrong {often} in a short time; give all instances of this service the \
                 same secret"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_removal_is_explained_by_a_polling_copy() {
        assert!(!Damage::Removed.sentence(1).contains("is running elsewhere"));
        let again = Damage::Removed.sentence(3);
        assert!(again.contains("3 times") && again.contains("a polling copy of this bot is running elsewhere"));
        assert!(Damage::Removed.trouble(3).contains("polling copy"));
    }
}
