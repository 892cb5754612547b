use std::time::Duration;

use jiff::Timestamp;

use super::drift::Drift;
use crate::clock::{Backoff, elapsed};
use crate::humanize::times;

/// The longest wait before a webhook that is damaged again and again is set again.
const LONGEST: Duration = Duration::from_mins(5);

/// After this many watch intervals without damage, the next damage counts as the first.
const CALM: u32 = 10;

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

/// Counts how often the webhook had to be set again. The first time it is set at once. The waits then grow, so that two
/// programs do not fight over it.
#[derive(Debug)]
pub(super) struct Repairs {
    watch_interval: Duration,
    /// Repairs since the last calm period, in total and by kind of damage.
    recent: u32,
    by_kind: [u32; 3],
    /// When it was first found intact after the last damage, in steady time.
    intact_since: Option<Timestamp>,
}

impl Repairs {
    pub(super) fn new(watch_interval: Duration) -> Self {
        Self { watch_interval, recent: 0, by_kind: [0; 3], intact_since: None }
    }

    /// Counts a damage. Returns the wait before the webhook is set again, and how often this kind of damage has happened
    /// since the last calm period, from 1.
    pub(super) fn damaged(&mut self, damage: &Damage) -> (Duration, u32) {
        let backoff = Backoff { first: self.watch_interval / 2, longest: LONGEST };
        // No jitter is needed: one service repairs one webhook.
        let wait = if self.recent == 0 { Duration::ZERO } else { backoff.wait(self.recent, 0.0) };
        self.intact_since = None;
        self.recent = self.recent.saturating_add(1);
        let times = &mut self.by_kind[damage.kind()];
        *times = times.saturating_add(1);
        (wait, *times)
    }

    /// Notes that the webhook is intact. Returns the number of repairs if that ends a period with damage.
    pub(super) fn intact(&mut self, now: Timestamp) -> Option<u32> {
        if self.recent == 0 {
            return None;
        }
        let since = *self.intact_since.get_or_insert(now);
        (elapsed(since, now) >= self.watch_interval * CALM).then(|| {
            self.intact_since = None;
            self.by_kind = [0; 3];
            std::mem::take(&mut self.recent)
        })
    }

    /// Whether there was more than one since the last calm period.
    pub(super) fn are_frequent(&self) -> bool {
        self.recent > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::later;

    #[test]
    fn the_second_removal_is_explained_by_a_polling_copy() {
        assert!(!Damage::Removed.sentence(1).contains("is running elsewhere"));
        let again = Damage::Removed.sentence(3);
        assert!(again.contains("3 times") && again.contains("a polling copy of this bot is running elsewhere"));
        assert!(Damage::Removed.trouble(3).contains("polling copy"));
    }

    #[test]
    fn the_first_repair_is_immediate_and_the_waits_grow_to_five_minutes() {
        let mut repairs = Repairs::new(Duration::from_mins(1));
        let waits: Vec<u64> = (0..7).map(|_| repairs.damaged(&Damage::Removed).0.as_secs()).collect();
        assert_eq!(waits, [0, 30, 60, 120, 240, 300, 300]);
        assert!(repairs.are_frequent());
    }

    #[test]
    fn a_calm_period_makes_the_next_repair_immediate() {
        let mut repairs = Repairs::new(Duration::from_mins(1));
        let at = |minutes| later(Timestamp::UNIX_EPOCH, Duration::from_mins(minutes));
        repairs.damaged(&Damage::Removed);
        repairs.damaged(&Damage::Removed);
        assert_eq!(repairs.intact(at(0)), None);
        assert_eq!(repairs.intact(at(9)), None);
        repairs.damaged(&Damage::Removed);
        assert_eq!(repairs.intact(at(10)), None);
        assert_eq!(repairs.intact(at(20)), Some(3));
        assert_eq!(repairs.intact(at(21)), None);
        assert_eq!(repairs.damaged(&Damage::Removed), (Duration::ZERO, 1));
    }
}
