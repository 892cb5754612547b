//! Computes when an update or a call that failed is tried again. The functions are pure: they take
//! the age of the update and a random number.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{elapsed, later, with_jitter};
use crate::update::Update;

/// The shortest delay while the bot or Telegram is unavailable.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// The longest delay while the bot or Telegram is unavailable. Its recovery is noticed at most this late.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// When to try this update again while the bot or Telegram is unavailable. The delay is half of the update's age, from
/// 1 s to 30 s, so that no number of attempts has to be stored.
pub(super) fn when_away(update: &Update, now: Timestamp, jitter: f64) -> Timestamp {
    later(now, while_away(elapsed(update.received_at, now), jitter))
}

/// When to send a call again whose answer was lost. Each repetition can show a message once more, so the last one comes
/// late: an outage that cuts connections may be over by then.
pub(super) fn when_unknown(update: &Update, now: Timestamp, is_last: bool, jitter: f64) -> Timestamp {
    let age = elapsed(update.received_at, now);
    later(now, if is_last { with_jitter(LONGEST_WAIT, jitter) } else { while_away(age, jitter) })
}

fn while_away(age: Duration, jitter: f64) -> Duration {
    with_jitter((age / 2).clamp(SHORTEST_WAIT, LONGEST_WAIT), jitter)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn an_absent_bot_is_tried_soon_at_first_and_every_half_minute_later() {
        let waits = [0, 1, 10, 3600].map(|age| while_away(Duration::from_secs(age), 0.0).as_secs());
        assert_eq!(waits, [1, 1, 5, 30]);
    }

    #[test]
    fn a_call_whose_answer_was_lost_is_sent_again_soon_and_the_last_time_late() {
        let now = Timestamp::UNIX_EPOCH;
        let update = Update::parse(Bytes::from_static(b"{\"update_id\":1}"), now).unwrap();
        let waits = [false, true].map(|is_last| elapsed(now, when_unknown(&update, now, is_last, 0.0)).as_secs());
        assert_eq!(waits, [1, 30]);
    }
}
