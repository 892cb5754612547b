use std::time::Duration;

use jiff::Timestamp;

use super::damage::Damage;
use crate::clock::{Backoff, elapsed};

/// The longest wait before a webhook that is damaged again and again is set again.
const LONGEST: Duration = Duration::from_mins(5);

/// After this many watch intervals without damage, the next damage counts as the first.
const CALM: u32 = 10;

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
