use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{elapsed, later};

/// So many times `setWebhook` is called at most, in any [`WINDOW`] intervals between two looks.
const MOST: usize = 12;

/// At the default interval of a minute: ten minutes.
const WINDOW: u32 = 10;

/// Telegram takes one `setWebhook` a second.
const APART: Duration = Duration::from_millis(1_100);

/// Bounds the calls of `setWebhook`, whatever the reasons for them are. Those that Telegram refused
/// have changed no other program's webhook: of them it bounds the distance only.
#[derive(Debug)]
pub(super) struct Pace {
    window: Duration,
    made: VecDeque<Timestamp>,
    last: Option<Timestamp>,
}

impl Pace {
    /// Nothing has been called yet.
    pub(super) fn new(watch_interval: Duration) -> Self {
        Self { window: watch_interval * WINDOW, made: VecDeque::with_capacity(MOST), last: None }
    }

    /// How long the next call has to wait.
    pub(super) fn wait(&self, now: Timestamp) -> Duration {
        let apart = self.last.map(|last| later(last, APART));
        let oldest = self.made.front().filter(|_| self.made.len() == MOST).map(|first| later(*first, self.window));
        apart.max(oldest).map_or(Duration::ZERO, |at| elapsed(now, at))
    }

    /// Notes a call.
    pub(super) fn made(&mut self, now: Timestamp) {
        if self.made.len() == MOST {
            self.made.pop_front();
        }
        self.made.push_back(now);
        self.last = Some(now);
    }

    /// Notes that Telegram refused the last call.
    pub(super) fn refused(&mut self) {
        self.made.pop_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_were_refused_keep_their_distance_and_fill_no_window() {
        let mut pace = Pace::new(Duration::from_mins(1));
        for _ in 0..50 {
            pace.made(Timestamp::UNIX_EPOCH);
            pace.refused();
        }
        assert_eq!(pace.wait(Timestamp::UNIX_EPOCH), APART);
        assert_eq!(pace.wait(later(Timestamp::UNIX_EPOCH, APART)), Duration::ZERO);
    }

    #[test]
    fn no_ten_minutes_see_more_than_twelve_calls() {
        let mut pace = Pace::new(Duration::from_mins(1));
        let mut now = Timestamp::UNIX_EPOCH;
        let mut calls = Vec::new();
        while calls.len() < 50 {
            now = later(now, pace.wait(now));
            pace.made(now);
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
