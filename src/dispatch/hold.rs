//! Whether what was claimed is still ours, as far as our own clock can tell.
//!
//! A process that was stopped, or a machine that slept, goes on in the middle of an attempt as if
//! nothing had happened, while another instance has long had the update. Its outcome is refused then;
//! this keeps it from making calls that the other one has made.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::elapsed;
use crate::inbox::LEASE;

/// How long after a lease began we count on it: less than it lasts, by what a claim may take to reach
/// us and a call to reach Telegram.
const COUNTED_ON: Duration = Duration::from_secs(LEASE.as_secs() - 10);
const COUNTED_ON_MS: i64 = 1_000 * COUNTED_ON.as_secs().cast_signed();

/// When leases were prolonged.
pub(super) struct Hold {
    /// The last time, in milliseconds of Unix time.
    prolonged_at: AtomicI64,
    /// Attempts that began before this may have lost their lease between two times.
    good_since: AtomicI64,
}

impl Hold {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { prolonged_at: now.as_millisecond().into(), good_since: i64::MIN.into() }
    }

    /// All leases that still stood at `asked` were prolonged then.
    pub(super) fn prolonged(&self, asked: Timestamp) {
        let before = self.prolonged_at.swap(asked.as_millisecond(), Ordering::Relaxed);
        if elapsed(time(before), asked) > COUNTED_ON {
            self.good_since.store(asked.as_millisecond() - COUNTED_ON_MS, Ordering::Relaxed);
        }
    }

    /// Whether an attempt that began then is surely nobody else's at `now`.
    pub(super) fn is_good(&self, begun: Timestamp, now: Timestamp) -> bool {
        let prolonged_at = time(self.prolonged_at.load(Ordering::Relaxed));
        begun.as_millisecond() >= self.good_since.load(Ordering::Relaxed)
            && elapsed(begun.max(prolonged_at), now) < COUNTED_ON
    }
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::later;

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
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
}
