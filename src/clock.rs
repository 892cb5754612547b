//! Time, which every module receives as an argument. Nothing else asks the machine for it.
//!
//! Long-lived parts take a [`SharedClock`], and pure functions take `now`. So a test moves time by hand, and nothing sleeps
//! to wait.
//!
//! The time of day can be wrong, and can be corrected at any moment. So ages, waits and leases are measured with
//! [`Clock::steady`], which is not affected. [`Clock::now`] is for times that people see, and for comparisons with times
//! that other machines wrote.

mod backoff;

use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use backoff::{Backoff, with_jitter};

/// A clock that tasks share.
pub type SharedClock = Arc<dyn Clock>;

/// A source of time, and a timer.
pub trait Clock: Debug + Send + Sync {
    /// The time of day. It jumps forward or back when the machine's clock is set.
    fn now(&self) -> Timestamp;

    /// The time of day at the first call in this process, plus the time since then by the machine's monotonic timer.
    /// It never jumps and never runs backwards. It stops while the machine is suspended.
    fn steady(&self) -> Timestamp;

    /// Returns after `duration` of steady time.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The time from `earlier` to `later`; zero if `later` is before `earlier`.
#[must_use]
pub fn elapsed(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// The time `duration` after `at`, or [`Timestamp::MAX`] if that is out of range.
#[must_use]
pub fn later(at: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration).ok().and_then(|duration| at.checked_add(duration).ok()).unwrap_or(Timestamp::MAX)
}

/// The time `duration` before `at`, or [`Timestamp::MIN`] if that is out of range.
#[must_use]
pub fn earlier(at: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration).ok().and_then(|duration| at.checked_sub(duration).ok()).unwrap_or(Timestamp::MIN)
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "every other module receives the time from here")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn steady(&self) -> Timestamp {
        static BEGAN: OnceLock<(Timestamp, Instant)> = OnceLock::new();
        let (began, timer) = BEGAN.get_or_init(|| (self.now(), Instant::now()));
        later(*began, timer.elapsed())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock for tests, which only moves when the test says so.
#[derive(Clone, Debug)]
pub struct ManualClock {
    times: Arc<Mutex<Times>>,
    moved: Arc<Notify>,
}

#[derive(Debug)]
struct Times {
    now: Timestamp,
    steady: Timestamp,
}

impl ManualClock {
    /// A clock whose time of day and steady time are `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { times: Arc::new(Mutex::new(Times { now, steady: now })), moved: Arc::new(Notify::new()) }
    }

    /// Moves both times forward, and wakes the sleepers whose time has come.
    pub fn advance(&self, duration: Duration) {
        {
            let mut times = self.times.lock();
            times.now = later(times.now, duration);
            times.steady = later(times.steady, duration);
        }
        self.moved.notify_waiters();
    }

    /// Sets the time of day, as an operator does when the machine's clock is wrong. The steady time stays.
    pub fn set(&self, now: Timestamp) {
        self.times.lock().now = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.times.lock().now
    }

    fn steady(&self) -> Timestamp {
        self.times.lock().steady
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let until = later(clock.steady(), duration);
        Box::pin(async move {
            loop {
                let moved = clock.moved.notified();
                tokio::pin!(moved);
                // Registered before the time is read, so that a move in between is not missed.
                moved.as_mut().enable();
                if clock.steady() >= until {
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
    async fn a_manual_clock_wakes_a_sleeper_when_its_time_has_passed() {
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

    #[tokio::test]
    async fn setting_the_time_of_day_neither_wakes_nor_delays_a_sleeper() {
        let hour = Duration::from_hours(1);
        let clock = ManualClock::new(later(Timestamp::UNIX_EPOCH, hour));
        let sleeper = clock.sleep(Duration::from_secs(1));
        tokio::pin!(sleeper);
        for now in [later(clock.now(), hour), Timestamp::UNIX_EPOCH] {
            clock.set(now);
            assert!(futures_util::poll!(sleeper.as_mut()).is_pending());
        }
        clock.advance(Duration::from_secs(1));
        sleeper.await;
        assert_eq!(clock.now(), later(Timestamp::UNIX_EPOCH, Duration::from_secs(1)));
        assert_eq!(clock.steady(), later(Timestamp::UNIX_EPOCH, hour + Duration::from_secs(1)));
    }

    #[test]
    fn an_elapsed_time_is_never_negative() {
        let early = Timestamp::UNIX_EPOCH;
        let late = later(early, Duration::from_secs(5));
        assert_eq!(elapsed(early, late), Duration::from_secs(5));
        assert_eq!(elapsed(late, early), Duration::ZERO);
    }
}
