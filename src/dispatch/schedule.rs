//! When a failed update is tried again. Pure: told the number of the attempt, the age of the update
//! and a random number, it knows neither clock nor dice.

use std::time::Duration;

use crate::settings::BackoffSettings;

/// The longest wait for a bot, or a Telegram, that is away: how late its return may be noticed.
const LONGEST_ABSENCE: Duration = Duration::from_secs(30);
const SHORTEST_ABSENCE: Duration = Duration::from_secs(1);

/// The wait after attempt number `attempt` (from 1) has failed: `first`, doubled each time up to
/// `longest`, less up to a fifth by `jitter` (0 to 1), so that what failed together does not come
/// back together.
pub(super) fn after_failure(backoff: &BackoffSettings, attempt: u32, jitter: f64) -> Duration {
    let doubled = 2_u32.checked_pow(attempt.saturating_sub(1)).and_then(|factor| backoff.first.checked_mul(factor));
    spread(doubled.unwrap_or(backoff.longest).min(backoff.longest), jitter)
}

/// The wait for somebody who is away, for an update that arrived `age` ago: half of that again, from
/// 1 s to 30 s. The age does what a counter of tries would do, and needs none to be kept.
pub(super) fn while_away(age: Duration, jitter: f64) -> Duration {
    spread((age / 2).clamp(SHORTEST_ABSENCE, LONGEST_ABSENCE), jitter)
}

/// The wait before a call is sent again whose answer got lost. Each time may be one message more, so the
/// last time comes late: an outage that cuts connections may be over by then.
pub(super) fn while_unknown(age: Duration, is_last: bool, jitter: f64) -> Duration {
    if is_last { spread(LONGEST_ABSENCE, jitter) } else { while_away(age, jitter) }
}

fn spread(wait: Duration, jitter: f64) -> Duration {
    wait.mul_f64(1.0 - 0.2 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: BackoffSettings = BackoffSettings { first: Duration::from_secs(1), longest: Duration::from_mins(1) };

    #[test]
    fn waits_double_from_the_first_to_the_longest() {
        let waits: Vec<u64> = (1..=9).map(|attempt| after_failure(&BACKOFF, attempt, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(after_failure(&BACKOFF, u32::MAX, 0.0), BACKOFF.longest);
    }

    #[test]
    fn who_is_away_is_asked_soon_at_first_and_every_half_minute_at_last() {
        let waits = [0, 1, 10, 3600].map(|age| while_away(Duration::from_secs(age), 0.0).as_secs());
        assert_eq!(waits, [1, 1, 5, 30]);
    }

    #[test]
    fn a_call_whose_answer_got_lost_is_sent_again_soon_and_for_the_last_time_late() {
        let waits = [false, true].map(|is_last| while_unknown(Duration::ZERO, is_last, 0.0).as_secs());
        assert_eq!(waits, [1, 30]);
    }

    proptest::proptest! {
        #[test]
        fn jitter_takes_a_fifth_at_most(attempt in 1..100_u32, jitter in 0.0..=1.0) {
            let (full, wait) = (after_failure(&BACKOFF, attempt, 0.0), after_failure(&BACKOFF, attempt, jitter));
            proptest::prop_assert!(wait <= full && wait >= full.mul_f64(0.799));
        }
    }
}
