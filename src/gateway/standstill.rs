//! A call that passes has no deadline, because an upload can take minutes. It ends when nothing has moved for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// How long nothing may move. Telegram answers within seconds, and its slowest methods within half a minute.
pub(super) const LONGEST: Duration = Duration::from_mins(1);

/// How often something has moved.
#[derive(Debug, Default)]
pub(super) struct Movement(AtomicU64);

impl Movement {
    /// Records that something has moved.
    pub(super) fn record(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns when nothing has moved for [`LONGEST`], and at most for twice as long.
    pub(super) async fn ceased(&self, clock: &dyn Clock) {
        loop {
            let before = self.0.load(Ordering::Relaxed);
            clock.sleep(LONGEST).await;
            if self.0.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_call_stands_still_only_if_nothing_moves() {
        let (clock, movement) = (ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()), Movement::default());
        let mut ceased = Box::pin(movement.ceased(&clock));
        for _ in 0..10 {
            assert!(ceased.as_mut().now_or_never().is_none());
            movement.record();
            clock.advance(LONGEST);
        }
        assert!(ceased.as_mut().now_or_never().is_none());
        clock.advance(LONGEST);
        assert!(ceased.as_mut().now_or_never().is_some());
    }
}
