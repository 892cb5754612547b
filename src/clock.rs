//! Time, as everybody here is told it: through an argument, never by asking the machine.
//!
//! Engines take a [`SharedClock`], pure code takes `now`; so a test moves time by hand and
//! nothing sleeps to wait.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// A clock that many tasks share.
pub type SharedClock = Arc<dyn Clock>;

/// Tells the time of day and waits for a later one.
pub trait Clock: Debug + Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Returns once `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The span from `earlier` to `later`, zero when `later` is not later.
#[must_use]
pub fn elapsed(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// `at` moved on by `duration`; the end of time when there is no such moment.
#[must_use]
pub fn later(at: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration).ok().and_then(|duration| at.checked_add(duration).ok()).unwrap_or(Timestamp::MAX)
}

/// The machine's clock: the time of day from the system, waiting by its monotonic timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door through which time comes in")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<Mutex<Timestamp>>,
    moved: Arc<Notify>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { now: Arc::new(Mutex::new(now)), moved: Arc::new(Notify::new()) }
    }

    /// Moves the clock on and wakes whoever waited for a moment that has come.
    pub fn advance(&self, duration: Duration) {
        {
            let mut now = self.lock();
            *now = later(*now, duration);
        }
        self.moved.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Timestamp> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.lock()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let until = later(clock.now(), duration);
        Box::pin(async move {
            loop {
                let moved = clock.moved.notified();
                tokio::pin!(moved);
                // Registered before the time is read: a move in between is not missed.
                moved.as_mut().enable();
                if clock.now() >= until {
                    return;
                }
                moved.await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_a_sleeper_when_its_moment_comes() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let sleeper = clock.sleep(Duration::from_secs(10));
        tokio::pin!(sleeper);
        assert!(futures_util::poll!(sleeper.as_mut()).is_pending());
        clock.advance(Duration::from_secs(9));
        assert!(futures_util::poll!(sleeper.as_mut()).is_pending());
        clock.advance(Duration::from_secs(1));
        sleeper.await;
        assert_eq!(clock.now(), later(Timestamp::UNIX_EPOCH, Duration::from_secs(10)));
    }

    #[test]
    fn spans_never_run_backwards() {
        let early = Timestamp::UNIX_EPOCH;
        let late = later(early, Duration::from_secs(5));
        assert_eq!(elapsed(early, late), Duration::from_secs(5));
        assert_eq!(elapsed(late, early), Duration::ZERO);
    }
}
