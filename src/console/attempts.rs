use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::clock::{SharedClock, elapsed, later};
use crate::telemetry::Storm;

/// The time in which wrong tokens are counted.
const WINDOW: Duration = Duration::from_mins(1);
/// The most wrong tokens of one address, and the number of all addresses together from which on one is enough.
const MOST: usize = 10;
/// The most wrong tokens that are remembered.
const REMEMBERED: usize = 1_000;

/// Counts wrong operator's tokens, and refuses further ones of a client that sends too many.
///
/// An address may send ten a minute. Beyond ten a minute of all addresses together, an address that has sent one must wait
/// too. So somebody who guesses from many addresses has one guess a minute from each, and the right token from an address
/// that has sent no wrong one is always accepted.
pub(super) struct Attempts {
    clock: SharedClock,
    /// The latest wrong tokens, the oldest first.
    wrong: Mutex<VecDeque<(Timestamp, Option<IpAddr>)>>,
    storm: Storm,
}

impl Attempts {
    pub(super) fn new(clock: SharedClock) -> Self {
        let storm = Storm::new(clock.clone());
        Self { clock, wrong: Mutex::default(), storm }
    }

    /// How long the address must wait before its next token is looked at, if it must.
    pub(super) fn wait(&self, from: Option<IpAddr>) -> Option<Duration> {
        let (from, now) = (from.map(network), self.clock.steady());
        let mut wrong = self.wrong.lock();
        while wrong.front().is_some_and(|(at, _)| elapsed(*at, now) >= WINDOW) {
            wrong.pop_front();
        }
        let own: Vec<Timestamp> = wrong.iter().filter(|(_, address)| *address == from).map(|(at, _)| *at).collect();
        // The number of own tries that must be forgotten first.
        let allowed = if wrong.len() >= MOST && own.len() < MOST { 0 } else { MOST - 1 };
        let last = own.len().checked_sub(allowed + 1)?;
        let wait = elapsed(now, later(own[last], WINDOW));
        (!wait.is_zero()).then_some(wait)
    }

    /// Counts a wrong token, and logs it in one line a minute.
    pub(super) fn count_wrong(&self, from: Option<IpAddr>) {
        {
            let mut wrong = self.wrong.lock();
            if wrong.len() == REMEMBERED {
                wrong.pop_front();
            }
            wrong.push_back((self.clock.steady(), from.map(network)));
        }
        if let Some(times) = self.storm.event() {
            let from = from.map(|address| address.to_string());
            tracing::warn!(
                times,
                from,
                "the console received wrong operator's tokens. An address that sends ten in a minute is refused for a \
                 while. `from` is the address of the last one"
            );
        }
    }
}

/// The address, or of an IPv6 address its network: one subscriber has all addresses of a /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::ManualClock;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_with_ten_wrong_tokens_waits_and_another_does_not() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let attempts = Attempts::new(Arc::new(clock.clone()));
        let (one, other) = (Some(address("203.0.113.9")), Some(address("203.0.113.10")));
        for _ in 0..MOST {
            assert_eq!(attempts.wait(one), None);
            attempts.count_wrong(one);
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!((attempts.wait(one), attempts.wait(other)), (Some(Duration::from_secs(50)), None));
        clock.advance(Duration::from_secs(50));
        assert_eq!(attempts.wait(one), None, "the first one is a minute old");
    }

    #[test]
    fn when_many_addresses_guess_each_has_one_wrong_token_a_minute() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let attempts = Attempts::new(Arc::new(clock.clone()));
        for last in 0..20 {
            let address = Some(address(&format!("203.0.113.{last}")));
            assert_eq!(attempts.wait(address), None, "{last}");
            attempts.count_wrong(address);
        }
        assert_eq!(attempts.wait(Some(address("203.0.113.1"))), Some(WINDOW));
        assert_eq!(attempts.wait(Some(address("203.0.113.99"))), None);
        clock.advance(WINDOW);
        assert_eq!(attempts.wait(Some(address("203.0.113.1"))), None);
    }

    #[test]
    fn the_addresses_of_one_subscriber_count_as_one_and_the_memory_is_bounded() {
        let attempts = Attempts::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)));
        for last in 0..MOST {
            attempts.count_wrong(Some(address(&format!("2001:db8::{last}"))));
        }
        assert!(
            attempts.wait(Some(address("2001:db8::ffff"))).is_some()
                && attempts.wait(Some(address("2001:db8:0:1::1"))).is_none()
        );
        for _ in 0..2 * REMEMBERED {
            attempts.count_wrong(None);
        }
        assert_eq!(attempts.wrong.lock().len(), REMEMBERED);
    }
}
