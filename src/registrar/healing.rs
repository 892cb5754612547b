use std::time::Duration;

use jiff::Timestamp;

use super::drift::Drift;
use crate::clock::elapsed;
use crate::wording::times;

/// The longest that a webhook which is damaged again and again waits to be set again.
const LONGEST: Duration = Duration::from_mins(5);

/// A webhook that has held for so many intervals between two looks has been left in peace.
const CALM: u32 = 10;

/// Why a webhook that was ours has to be set again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// There is none any more.
    Removed,
    /// It is ours, but not as wanted.
    Changed(Drift),
    /// Telegram sends a secret token that is not the one in force.
    Secret,
}

/// Counts how often the webhook had to be set again. The first time it is done at once; when it
/// happens again and again the waits grow, so that nobody fights.
#[derive(Debug)]
pub(super) struct Healing {
    watch_interval: Duration,
    /// How often since it was last left in peace, in all and by the kind of damage.
    recent: u32,
    by_kind: [u32; 3],
    /// When it was last found right for the first time, after damage.
    held_since: Option<Timestamp>,
}

/// What is done about some damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remedy {
    /// The wait before the webhook is set again.
    pub(super) wait: Duration,
    /// Which time it is for this kind of damage, since the webhook was last left in peace; from 1.
    pub(super) time: u32,
}

impl Healing {
    pub(super) fn new(watch_interval: Duration) -> Self {
        Self { watch_interval, recent: 0, by_kind: [0; 3], held_since: None }
    }

    /// Notes that the webhook was found damaged.
    pub(super) fn damaged(&mut self, damage: &Damage) -> Remedy {
        self.held_since = None;
        self.recent = self.recent.saturating_add(1);
        let times = &mut self.by_kind[damage.kind()];
        *times = times.saturating_add(1);
        let wait = match self.recent {
            1 => Duration::ZERO,
            time => (self.watch_interval / 2).saturating_mul(2_u32.saturating_pow(time - 2)).min(LONGEST),
        };
        Remedy { wait, time: *times }
    }

    /// Notes that the webhook was found right; how often it had been damaged, if this ends the storm.
    pub(super) fn held(&mut self, now: Timestamp) -> Option<u32> {
        if self.recent == 0 {
            return None;
        }
        let since = *self.held_since.get_or_insert(now);
        (elapsed(since, now) >= self.watch_interval * CALM).then(|| {
            self.held_since = None;
            self.by_kind = [0; 3];
            std::mem::take(&mut self.recent)
        })
    }

    /// Whether it happens again and again.
    pub(super) fn in_storm(&self) -> bool {
        self.recent > 1
    }
}

impl Damage {
    fn kind(&self) -> usize {
        match self {
            Self::Removed => 0,
            Self::Changed(_) => 1,
            Self::Secret => 2,
        }
    }

    /// Whether updates still arrive here, so that the webhook is ours and registered.
    pub(super) fn leaves_it_ours(&self) -> bool {
        matches!(self, Self::Changed(Drift::AllowedUpdates { .. } | Drift::MaxConnections { .. }))
    }

    /// What happened, what it means, what Doorbell does now, what the operator can do.
    pub(super) fn sentence(&self, time: u32) -> String {
        let often = times(time);
        match (self, time) {
            (Self::Removed, 1) => {
                "This bot's webhook was removed: some program called deleteWebhook, as polling bots do when they start. \
                 Updates wait at Telegram meanwhile, unless that program takes them. Doorbell sets the webhook again at \
                 once. Look for a copy of the bot that polls, on a machine of yours or in another service, and stop it."
                    .to_owned()
            }
            (Self::Removed, _) => format!(
                "This bot's webhook was removed again, {often} in a short while: a polling copy of this bot is \
                 running elsewhere, and removes the webhook each time it starts. Updates wait at Telegram meanwhile, for \
                 24 h at most, unless that copy takes them. Doorbell goes on setting the webhook, and waits longer each time, up to 5 minutes. \
                 Stop the other copy; if you cannot find it, send /revoke to @BotFather and give the new token to \
                 Doorbell alone."
            ),
            (Self::Changed(drift), 1) => format!(
                "This bot's webhook was changed: {drift}. Some program has registered it with other settings. Doorbell \
                 sets it again at once, as its own settings want it. If there is another instance of this service, \
                 give it the same [webhook] settings."
            ),
            (Self::Changed(drift), _) => format!(
                "This bot's webhook was changed again, {often} in a short while: {drift}. Two instances of this \
                 service, or an old version and a new one, have different settings, and each sets its own. Doorbell \
                 goes on setting the webhook, and waits longer each time, up to 5 minutes. Give all instances the same \
                 [webhook] settings, and stop old ones."
            ),
            (Self::Secret, 1) => {
                "Telegram sends a secret token that this service does not know: its updates are refused (401) and wait \
                 at Telegram, which tries again. Somebody has registered this address with another secret. Doorbell \
                 registers it again at once, with the secret in force. All instances of a service need the same \
                 TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET."
                    .to_owned()
            }
            (Self::Secret, _) => format!(
                "Telegram's secret token was wrong again, {often} in a short while: another instance of this \
                 service has another secret, and each registers its own. Refused updates wait at Telegram. Doorbell \
                 goes on registering its secret, and waits longer each time, up to 5 minutes. Give all instances the \
                 same TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET; while a secret is being changed, \
                 webhook.previous_secret_token admits the old one."
            ),
        }
    }

    /// The same as a standing has it, while Doorbell waits.
    pub(super) fn trouble(&self, time: u32) -> String {
        let often = times(time);
        match self {
            Self::Removed => format!(
                "it was removed {often} in a short while, because a polling copy of this bot is running elsewhere; \
                 stop that copy"
            ),
            Self::Changed(drift) => format!(
                "it was changed {often} in a short while ({drift}); give all instances of this service the same \
                 settings"
            ),
            Self::Secret => format!(
                "Telegram's secret token was wrong {often} in a short while; give all instances of this service \
                 the same secret"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::later;

    #[test]
    fn the_first_time_is_healed_at_once_and_the_waits_grow_to_five_minutes() {
        let mut healing = Healing::new(Duration::from_mins(1));
        let waits: Vec<u64> = (0..7).map(|_| healing.damaged(&Damage::Removed).wait.as_secs()).collect();
        assert_eq!(waits, [0, 30, 60, 120, 240, 300, 300]);
        assert!(healing.in_storm());
    }

    #[test]
    fn a_calm_period_ends_the_storm() {
        let mut healing = Healing::new(Duration::from_mins(1));
        let at = |minutes| later(Timestamp::UNIX_EPOCH, Duration::from_mins(minutes));
        healing.damaged(&Damage::Removed);
        healing.damaged(&Damage::Removed);
        assert_eq!(healing.held(at(0)), None);
        assert_eq!(healing.held(at(9)), None);
        healing.damaged(&Damage::Removed);
        assert_eq!(healing.held(at(10)), None);
        assert_eq!(healing.held(at(20)), Some(3));
        assert_eq!(healing.held(at(21)), None);
        assert_eq!(healing.damaged(&Damage::Removed).wait, Duration::ZERO);
    }

    #[test]
    fn a_second_removal_is_known_for_a_polling_copy() {
        assert!(!Damage::Removed.sentence(1).contains("is running elsewhere"));
        let again = Damage::Removed.sentence(3);
        assert!(again.contains("3 times") && again.contains("a polling copy of this bot is running elsewhere"));
        assert!(Damage::Removed.trouble(3).contains("polling copy"));
    }
}
