//! Time, as everybody here is told it: through an argument, never by asking the machine.
//!
//! Engines take a [`SharedClock`], pure code takes `now`; so a test moves time by hand and
//! nothing sleeps to wait.
//!
//! The time of day can be wrong and be set right at any moment. So ages, waits and leases are measured
//! with [`Clock::steady`], which no such step moves. [`Clock::now`] is for what is shown to people, and
//! for comparisons with times that other machines wrote.

mod backoff;

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

pub use backoff::{Backoff, with_jitter};

/// A clock that many tasks share.
pub type SharedClock = Arc<dyn Clock>;

/// Tells the time of day and waits for a later one.
pub trait Clock: Debug + Send + Sync {
    /// The time of day. A step of the machine's clock moves it, forward or back.
    fn now(&self) -> Timestamp;

    /// The time of day when the process first asked, and what has passed since by the machine's monotonic
    /// timer. No step of the clock moves it, and it never runs backwards. While the machine is suspended it
    /// stands still.
    fn steady(&self) -> Timestamp;

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

/// `at` moved back by `duration`; the beginning of time when there is no such moment.
#[must_use]
pub fn earlier(at: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration).ok().and_then(|duration| at.checked_sub(duration).ok()).unwrap_or(Timestamp::MIN)
}

/// The machine's clock: the time of day from the system, waiting by its monotonic timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door through which time comes in")]
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

/// A clock that stands still until a test moves it.
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
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { times: Arc::new(Mutex::new(Times { now, steady: now })), moved: Arc::new(Notify::new()) }
    }

    /// Moves the clock on and wakes whoever waited for a moment that has come.
    pub fn advance(&self, duration: Duration) {
        {
            let mut times = self.lock();
            times.now = later(times.now, duration);
            times.steady = later(times.steady, duration);
        }
        self.moved.notify_waiters();
    }

    /// Sets the time of day, as somebody who finds the machine's clock wrong does: no time passes.
    pub fn set(&self, now: Timestamp) {
        self.lock().now = now;
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn steady(&self) -> Timestamp {
        self.lock().steady
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let until = later(clock.steady(), duration);
        Box::pin(async move {
            loop {
                let moved = clock.moved.notified();
                tokio::pin!(moved);
                // Registered before the time is read: a move in between is not missed.
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

    #[tokio::test]
    async fn a_clock_that_is_set_wakes_nobody_and_keeps_nobody_waiting() {
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
    fn spans_never_run_backwards() {
        let early = Timestamp::UNIX_EPOCH;
        let late = later(early, Duration::from_secs(5));
        assert_eq!(elapsed(early, late), Duration::from_secs(5));
        assert_eq!(elapsed(late, early), Duration::ZERO);
    }
}
