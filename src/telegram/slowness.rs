//! Notices that Telegram answers slowly.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::SharedClock;
use crate::telemetry::Storm;

/// An answer that takes longer is slow.
const SLOW_FROM: Duration = Duration::from_millis(1_500);

/// What is logged, and what pages say.
pub(super) const SLOW: &str = "Telegram answers slowly: its latest answer took longer than a second. Replies come later, in order, and none is lost";

/// Whether the latest answer was slow.
#[derive(Debug)]
pub(super) struct Slowness {
    is_slow: AtomicBool,
    storm: Storm,
}

impl Slowness {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { is_slow: AtomicBool::new(false), storm: Storm::new(clock) }
    }

    /// Notes an answer.
    pub(super) fn answered(&self, took: Duration) {
        let is_slow = took >= SLOW_FROM;
        if self.is_slow.load(Ordering::Relaxed) != is_slow {
            self.is_slow.store(is_slow, Ordering::Relaxed);
        }
        if is_slow && let Some(times) = self.storm.event() {
            // No warning: one slow answer is no reason to wake anybody.
            tracing::info!(?took, times, "{SLOW}");
        }
    }

    /// What to know while the latest answer was slow.
    pub(super) fn sentence(&self) -> Option<&'static str> {
        self.is_slow.load(Ordering::Relaxed).then_some(SLOW)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn telegram_is_slow_until_it_answers_at_its_usual_speed() {
        let slowness = Slowness::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)));
        assert_eq!(slowness.sentence(), None);
        slowness.answered(Duration::from_millis(1_500));
        assert_eq!(slowness.sentence(), Some(SLOW));
        slowness.answered(Duration::from_millis(90));
        assert_eq!(slowness.sentence(), None);
    }
}
