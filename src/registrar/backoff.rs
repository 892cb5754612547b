use std::time::Duration;

/// The wait before the next try, between two bounds that double with each failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

/// For questions that got no answer: they change nothing, and Telegram's return is noticed in seconds.
pub(super) const SOON: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(8) };

/// For a change that Telegram did not make, in trouble itself or because somebody came between.
pub(super) const LATER: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };

/// For a refusal that somebody must heal, such as a wrong setting.
pub(super) const SLOWLY: Backoff = Backoff { first: Duration::from_mins(1), longest: Duration::from_mins(5) };

/// For so long a refusal that heals by itself is tried every few seconds: a name enters the DNS, a
/// certificate is issued. The bot has no webhook meanwhile.
pub(super) const HEALING_TIME: Duration = Duration::from_mins(10);

/// The wait between two of these tries, 5 to 12 s; the contract allows 15 s from the healing to the
/// registration, and a try takes its time too.
pub(super) fn healing(jitter: f64) -> Duration {
    Duration::from_secs(5) + Duration::from_secs(7).mul_f64(jitter.clamp(0.0, 1.0))
}

impl Backoff {
    /// The wait after so many failures in a row (1 or more). `jitter` is a number from 0 to 1: it
    /// spreads those who failed together over the upper half.
    pub(super) fn wait(self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.longest);
        (doubled / 2).mul_f64(1.0 + jitter.clamp(0.0, 1.0)).max(self.first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_keeps_its_bounds_whatever_the_failures(failures in 1..u32::MAX, jitter in 0.0..=1.0) {
            for backoff in [SOON, LATER, SLOWLY] {
                let wait = backoff.wait(failures, jitter);
                prop_assert!(backoff.first <= wait && wait <= backoff.longest);
            }
        }
    }

    #[test]
    fn waits_double_from_a_second_to_a_minute() {
        let waits: Vec<u64> = (1..=7).map(|failures| LATER.wait(failures, 1.0).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(LATER.wait(1, 0.0), Duration::from_secs(1));
        assert_eq!(LATER.wait(9, 0.0), Duration::from_secs(30));
    }
}
