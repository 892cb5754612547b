//! Checks by this machine's clock whether the leases of running attempts are still valid.
//!
//! A process that was stopped, or a machine that was suspended, continues in the middle of an attempt, while another
//! instance may have claimed the update. The inbox refuses the outcome then. This clock prevents the calls that the
//! other instance has made.

use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::clock::{Clock, elapsed};
use crate::inbox::LEASE;

/// For how long a lease counts as valid. It is shorter than the lease by the time that a claim may take to reach us and a
/// call to reach Telegram.
const VALID_FOR: Duration = Duration::from_secs(LEASE.as_secs() - 10);

/// A moment on both times of a clock. The steady time stands still while the machine is suspended, and the time of day
/// can be set back. So the longer of the two spans between two moments counts.
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

/// Records when the leases were renewed.
pub(super) struct LeaseClock(Mutex<Renewals>);

struct Renewals {
    /// The last renewal.
    last: Moment,
    /// The last renewal that came too late: attempts that had begun long before it may have lost their lease.
    late: Option<Moment>,
}

impl LeaseClock {
    pub(super) fn new(now: Moment) -> Self {
        Self(Mutex::new(Renewals { last: now, late: None }))
    }

    /// Records that the renewal which was requested at `requested` has renewed all leases that were valid then.
    pub(super) fn renewed(&self, requested: Moment) {
        let mut renewals = self.0.lock();
        if renewals.last.until(requested) > VALID_FOR {
            renewals.late = Some(requested);
        }
        renewals.last = requested;
    }

    /// Whether the lease of an attempt that began at `begun` is valid at `now`.
    pub(super) fn is_valid(&self, begun: Moment, now: Moment) -> bool {
        let renewals = self.0.lock();
        renewals.late.is_none_or(|late| begun.until(late) <= VALID_FOR)
            && begun.until(now).min(renewals.last.until(now)) < VALID_FOR
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

    /// A moment on a clock whose time of day was set to another time.
    fn set_to(steady: u64, now: u64) -> Moment {
        Moment { steady: at(steady).steady, now: at(now).now }
    }

    #[test]
    fn a_lease_is_valid_while_it_is_renewed() {
        let leases = LeaseClock::new(at(0));
        assert!(leases.is_valid(at(5), at(54)) && !leases.is_valid(at(5), at(55)));
        leases.renewed(at(20));
        leases.renewed(at(40));
        assert!(leases.is_valid(at(5), at(89)) && !leases.is_valid(at(5), at(90)));
    }

    #[test]
    fn a_lapsed_lease_stays_invalid_when_later_leases_are_renewed() {
        let leases = LeaseClock::new(at(0));
        leases.renewed(at(100));
        assert!(!leases.is_valid(at(5), at(101)), "another instance could have claimed it");
        assert!(leases.is_valid(at(60), at(101)), "this one was claimed later");
        leases.renewed(at(120));
        assert!(!leases.is_valid(at(5), at(121)) && leases.is_valid(at(60), at(121)));
    }

    #[test]
    fn neither_a_suspended_machine_nor_a_clock_that_is_set_back_prolongs_a_lease() {
        let leases = LeaseClock::new(at(10_000));
        assert!(!leases.is_valid(at(10_005), set_to(10_006, 13_600)), "an hour of sleep");
        assert!(!leases.is_valid(at(10_005), set_to(10_060, 6_400)), "set back by an hour");
        assert!(leases.is_valid(at(10_005), set_to(10_050, 6_450)), "the lease is valid");
    }
}
