//! Whether what was claimed is still ours, as far as our own clock can tell.
//!
//! A process that was stopped, or a machine that slept, goes on in the middle of an attempt as if
//! nothing had happened, while another instance has long had the update. Its outcome is refused then;
//! this keeps it from making calls that the other one has made.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, elapsed};
use crate::inbox::LEASE;

/// How long after a lease began we count on it: less than it lasts, by what a claim may take to reach
/// us and a call to reach Telegram.
const COUNTED_ON: Duration = Duration::from_secs(LEASE.as_secs() - 10);

/// A moment on both times of a clock. While the machine is suspended the steady time stands still, and
/// the time of day can be set back: of two moments, the longer span between them counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) steady: Timestamp,
    pub(super) now: Timestamp,
}

impl Moment {
    pub(super) fn of(clock: &dyn Clock) -> Self {
        Self { steady: clock.steady(), now: clock.now() }
    }

    fn until(self, later: Self) -> Duration {
        elapsed(self.steady, later.steady).max(elapsed(self.now, later.now))
    }
}

/// When leases were prolonged.
pub(super) struct Hold(Mutex<Prolonged>);

struct Prolonged {
    /// The last time.
    last: Moment,
    /// The last time that came too late for some: attempts that had begun long before may have lost
    /// their lease.
    late: Option<Moment>,
}

impl Hold {
    pub(super) fn new(now: Moment) -> Self {
        Self(Mutex::new(Prolonged { last: now, late: None }))
    }

    /// All leases that still stood at `asked` were prolonged then.
    pub(super) fn prolonged(&self, asked: Moment) {
        let mut prolonged = self.lock();
        if prolonged.last.until(asked) > COUNTED_ON {
            prolonged.late = Some(asked);
        }
        prolonged.last = asked;
    }

    /// Whether an attempt that began then is surely nobody else's at `now`.
    pub(super) fn is_good(&self, begun: Moment, now: Moment) -> bool {
        let prolonged = self.lock();
        prolonged.late.is_none_or(|late| begun.until(late) <= COUNTED_ON)
            && begun.until(now).min(prolonged.last.until(now)) < COUNTED_ON
    }

    fn lock(&self) -> MutexGuard<'_, Prolonged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::later;

    fn at(seconds: u64) -> Moment {
        let now = later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds));
        Moment { steady: now, now }
    }

    /// The same on a clock whose time of day has been set to something else.
    fn set_to(steady: u64, now: u64) -> Moment {
        Moment { steady: at(steady).steady, now: at(now).now }
    }

    #[test]
    fn an_attempt_is_ours_as_long_as_its_lease_is_prolonged() {
        let hold = Hold::new(at(0));
        assert!(hold.is_good(at(5), at(54)) && !hold.is_good(at(5), at(55)));
        hold.prolonged(at(20));
        hold.prolonged(at(40));
        assert!(hold.is_good(at(5), at(89)) && !hold.is_good(at(5), at(90)));
    }

    #[test]
    fn an_attempt_that_slept_past_its_lease_is_not_ours_again_when_others_are_prolonged() {
        let hold = Hold::new(at(0));
        hold.prolonged(at(100));
        assert!(!hold.is_good(at(5), at(101)), "whoever waited could have had it");
        assert!(hold.is_good(at(60), at(101)), "this one was claimed by whoever slept less");
        hold.prolonged(at(120));
        assert!(!hold.is_good(at(5), at(121)) && hold.is_good(at(60), at(121)));
    }

    #[test]
    fn neither_a_machine_that_was_suspended_nor_a_clock_that_was_set_back_prolongs_a_lease() {
        let hold = Hold::new(at(10_000));
        assert!(!hold.is_good(at(10_005), set_to(10_006, 13_600)), "an hour of sleep");
        assert!(!hold.is_good(at(10_005), set_to(10_060, 6_400)), "set back by an hour");
        assert!(hold.is_good(at(10_005), set_to(10_050, 6_450)), "the lease stands");
    }
}
