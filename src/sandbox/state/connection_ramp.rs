//! How many connections the webhook's sender opens, and when (`WebhookActor.cpp`: `create_new_connections`).

use std::time::Duration;

use jiff::Timestamp;

use crate::clock;

/// After a success, connections open at the fast rate for this long.
const FAST_FOR: Duration = Duration::from_secs(10);

/// A rate limit with bursts (GCRA).
#[derive(Debug)]
struct RateLimit {
    interval: Duration,
    /// How far a burst may run ahead of the steady rate.
    burst: Duration,
    /// When the next event would be allowed at the steady rate.
    next_at: Timestamp,
}

impl RateLimit {
    const fn new(interval: Duration, burst: Duration) -> Self {
        Self { interval, burst, next_at: Timestamp::MIN }
    }

    /// Allows one event, or returns the time from which the next one is allowed.
    fn check(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if clock::elapsed(now, self.next_at) > self.burst {
            return Err(clock::earlier(self.next_at, self.burst));
        }
        self.next_at = clock::later(self.next_at.max(now), self.interval);
        Ok(())
    }
}

/// The number of open connections of one webhook, and the rate at which more are opened.
#[derive(Debug)]
pub(crate) struct ConnectionRamp {
    open: usize,
    last_success: Option<Timestamp>,
    /// Without a recent success: one connection in 2 s.
    slow: RateLimit,
    /// After a success: ten at once, then 20 a second.
    fast: RateLimit,
}

impl ConnectionRamp {
    pub(crate) const fn new() -> Self {
        Self {
            open: 0,
            last_success: None,
            slow: RateLimit::new(Duration::from_secs(2), Duration::ZERO),
            fast: RateLimit::new(Duration::from_millis(50), Duration::from_millis(450)),
        }
    }

    pub(crate) fn succeeded(&mut self, now: Timestamp) {
        self.last_success = Some(now);
    }

    pub(crate) fn closed(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// How many connections to open now for this number of loaded queues, and when to ask again.
    pub(crate) fn grow(&mut self, now: Timestamp, queues: usize, max: usize) -> (usize, Option<Timestamp>) {
        let is_fast = self.last_success.is_some_and(|at| clock::elapsed(at, now) <= FAST_FOR);
        let wanted = queues.min(max);
        let (wanted, rate) = if is_fast { (wanted.max(1), &mut self.fast) } else { (wanted.min(1), &mut self.slow) };
        let before = self.open;
        while self.open < wanted {
            if let Err(at) = rate.check(now) {
                return (self.open - before, Some(at));
            }
            self.open += 1;
        }
        (self.open - before, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn without_a_success_one_connection_opens_in_two_seconds() {
        let mut ramp = ConnectionRamp::new();
        assert_eq!(ramp.grow(at(0), 40, 40), (1, None));
        assert_eq!(ramp.grow(at(1), 40, 40), (0, None));
        ramp.closed();
        assert_eq!(ramp.grow(at(10), 40, 40), (0, Some(at(2000))));
        assert_eq!(ramp.grow(at(2000), 40, 40), (1, None));
    }

    #[test]
    fn after_a_success_ten_connections_open_at_once_and_then_twenty_a_second() {
        let mut ramp = ConnectionRamp::new();
        ramp.grow(at(0), 40, 40);
        ramp.succeeded(at(200));
        assert_eq!(ramp.grow(at(200), 40, 40), (10, Some(at(250))));
        assert_eq!(ramp.grow(at(1200), 40, 40).0, 10);
        let opened: usize = (0..29).map(|n| ramp.grow(at(1250 + 50 * n), 40, 40).0).sum();
        assert_eq!(opened, 19, "and never more than wanted");
    }

    #[test]
    fn after_ten_seconds_without_a_success_the_rate_is_slow_again_and_open_connections_remain() {
        let mut ramp = ConnectionRamp::new();
        ramp.succeeded(at(0));
        assert_eq!(ramp.grow(at(0), 5, 40).0, 5);
        assert_eq!(ramp.grow(at(10_001), 40, 40), (0, None));
        assert_eq!(ramp.open, 5);
    }
}
