//! The one back-off formula.

use std::time::Duration;

/// A wait that doubles with each failure in a row, up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait. It is used as it is when it is shorter than `first`.
    pub longest: Duration,
}

/// The part of a wait that jitter takes away at most.
const JITTER: f64 = 0.2;

impl Backoff {
    /// The wait after `failures` failures in a row (1 or more). `jitter` is a random number from 0 to 1. It
    /// shortens the wait by up to a fifth, so that tasks that failed together do not retry together.
    #[must_use]
    pub fn wait(self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        with_jitter(doubled.min(self.longest), jitter)
    }
}

/// `wait` shortened by up to a fifth. `jitter` is a random number from 0 to 1.
#[must_use]
pub fn with_jitter(wait: Duration, jitter: f64) -> Duration {
    wait.mul_f64(1.0 - JITTER * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let waits: Vec<_> = (1..=8).map(|failures| BACKOFF.wait(failures, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    proptest! {
        #[test]
        fn jitter_takes_a_fifth_at_most(failures in 0..u32::MAX, jitter in 0.0..=1.0) {
            let (full, wait) = (BACKOFF.wait(failures, 0.0), BACKOFF.wait(failures, jitter));
            prop_assert!(wait <= full && wait >= full.mul_f64(0.79));
            prop_assert!(full >= BACKOFF.first && full <= BACKOFF.longest);
        }
    }
}
