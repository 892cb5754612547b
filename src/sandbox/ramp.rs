//! How many connections the sender opens, and when (`WebhookActor.cpp`: `create_new_connections`).

use std::time::Duration;

use jiff::Timestamp;

use crate::clock;

/// A success warms the sender for so long.
const WARM_FOR: Duration = Duration::from_secs(10);

/// Lets events through at a steady pace, and some at once.
#[derive(Debug)]
struct Pace {
    gap: Duration,
    /// How far ahead of the steady pace a burst may run.
    ahead: Duration,
    /// When the steady pace is next even with what was let through.
    even_at: Timestamp,
}

impl Pace {
    const fn new(gap: Duration, ahead: Duration) -> Self {
        Self { gap, ahead, even_at: Timestamp::MIN }
    }

    /// Lets one event through, or says when the next one may pass.
    fn pass(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if clock::elapsed(now, self.even_at) > self.ahead {
            return Err(self.even_at.checked_sub(self.ahead).unwrap_or(now));
        }
        self.even_at = clock::later(self.even_at.max(now), self.gap);
        Ok(())
    }
}

/// The connections of one webhook: how many are open, and when more may be.
#[derive(Debug)]
pub(super) struct Ramp {
    open: usize,
    last_success: Option<Timestamp>,
    /// One connection in 2 s, until an answer was a success.
    cold: Pace,
    /// Ten at once, then 20 a second.
    warm: Pace,
}

impl Ramp {
    pub(super) const fn new() -> Self {
        Self {
            open: 0,
            last_success: None,
            cold: Pace::new(Duration::from_secs(2), Duration::ZERO),
            warm: Pace::new(Duration::from_millis(50), Duration::from_millis(450)),
        }
    }

    pub(super) fn succeeded(&mut self, now: Timestamp) {
        self.last_success = Some(now);
    }

    pub(super) fn closed(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// How many connections to open now for so many loaded queues, and when to ask again.
    pub(super) fn grow(&mut self, now: Timestamp, queues: usize, max: usize) -> (usize, Option<Timestamp>) {
        let warm = self.last_success.is_some_and(|at| clock::elapsed(at, now) <= WARM_FOR);
        let wanted = queues.min(max);
        let (wanted, pace) = if warm { (wanted.max(1), &mut self.warm) } else { (wanted.min(1), &mut self.cold) };
        let before = self.open;
        while self.open < wanted {
            if let Err(at) = pace.pass(now) {
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
    fn a_cold_sender_opens_one_connection_and_a_new_one_only_after_two_seconds() {
        let mut ramp = Ramp::new();
        assert_eq!(ramp.grow(at(0), 40, 40), (1, None));
        assert_eq!(ramp.grow(at(1), 40, 40), (0, None));
        ramp.closed();
        assert_eq!(ramp.grow(at(10), 40, 40), (0, Some(at(2000))));
        assert_eq!(ramp.grow(at(2000), 40, 40), (1, None));
    }

    #[test]
    fn a_success_lets_ten_more_open_at_once_and_then_twenty_a_second() {
        let mut ramp = Ramp::new();
        ramp.grow(at(0), 40, 40);
        ramp.succeeded(at(200));
        assert_eq!(ramp.grow(at(200), 40, 40), (10, Some(at(250))));
        assert_eq!(ramp.grow(at(1200), 40, 40).0, 10);
        let opened: usize = (0..29).map(|n| ramp.grow(at(1250 + 50 * n), 40, 40).0).sum();
        assert_eq!(opened, 19, "and never more than wanted");
    }

    #[test]
    fn ten_seconds_without_a_success_make_it_cold_again_and_open_connections_stay() {
        let mut ramp = Ramp::new();
        ramp.succeeded(at(0));
        assert_eq!(ramp.grow(at(0), 5, 40).0, 5);
        assert_eq!(ramp.grow(at(10_001), 40, 40), (0, None));
        assert_eq!(ramp.open, 5);
    }
}
