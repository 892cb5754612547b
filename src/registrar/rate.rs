use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{elapsed, later};

/// The most calls of `setWebhook` in any [`WINDOW`] watch intervals.
const MOST: usize = 12;

/// With the default watch interval of a minute: ten minutes.
const WINDOW: u32 = 10;

/// Telegram accepts one `setWebhook` a second.
const APART: Duration = Duration::from_millis(1_100);

/// Limits the calls of `setWebhook`, for all reasons together. Calls that Telegram refused changed no other program's
/// webhook: they count for the distance between two calls only.
#[derive(Debug)]
pub(super) struct SetWebhookRate {
    window: Duration,
    called: VecDeque<Timestamp>,
    last: Option<Timestamp>,
}

impl SetWebhookRate {
    pub(super) fn new(watch_interval: Duration) -> Self {
        Self { window: watch_interval * WINDOW, called: VecDeque::with_capacity(MOST), last: None }
    }

    /// How long the next call must wait. `now` is steady time.
    pub(super) fn wait(&self, now: Timestamp) -> Duration {
        let apart = self.last.map(|last| later(last, APART));
        let oldest = self.called.front().filter(|_| self.called.len() == MOST).map(|first| later(*first, self.window));
        apart.max(oldest).map_or(Duration::ZERO, |at| elapsed(now, at))
    }

    /// Counts a call.
    pub(super) fn called(&mut self, now: Timestamp) {
        if self.called.len() == MOST {
            self.called.pop_front();
        }
        self.called.push_back(now);
        self.last = Some(now);
    }

    /// Notes that Telegram refused the last call.
    pub(super) fn refused(&mut self) {
        self.called.pop_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_calls_keep_their_distance_and_do_not_fill_the_window() {
        let mut rate = SetWebhookRate::new(Duration::from_mins(1));
        for _ in 0..50 {
            rate.called(Timestamp::UNIX_EPOCH);
            rate.refused();
        }
        assert_eq!(rate.wait(Timestamp::UNIX_EPOCH), APART);
        assert_eq!(rate.wait(later(Timestamp::UNIX_EPOCH, APART)), Duration::ZERO);
    }

    #[test]
    fn at_most_twelve_calls_are_made_in_any_ten_minutes() {
        let mut rate = SetWebhookRate::new(Duration::from_mins(1));
        let mut now = Timestamp::UNIX_EPOCH;
        let mut calls = Vec::new();
        while calls.len() < 50 {
            now = later(now, rate.wait(now));
            rate.called(now);
            calls.push(now);
        }
        for pair in calls.windows(2) {
            assert!(elapsed(pair[0], pair[1]) >= Duration::from_secs(1));
        }
        for thirteen in calls.windows(MOST + 1) {
            assert!(elapsed(thirteen[0], thirteen[MOST]) >= Duration::from_mins(10));
        }
    }
}
