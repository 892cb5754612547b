use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{SharedClock, elapsed, later};

/// How long a line stands for all events of its kind that follow it.
const EVERY: Duration = Duration::from_mins(1);
/// How long there must be no event before it counts as over: one success among failures is no end.
const QUIET: Duration = Duration::from_secs(1);

/// Keeps one kind of event to one line when it begins, one line a minute with a count while it goes on, and one
/// line when it is over. It decides when a line is due; the caller writes it. What begins and ends again and again has
/// no more lines than that.
#[derive(Debug)]
pub struct Storm {
    clock: SharedClock,
    state: Mutex<State>,
    /// Whether there is something to end, for those who ask on the path of every update.
    begun: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// When a line about events was last due.
    said: Option<Timestamp>,
    /// Events since that line.
    withheld: u64,
    now: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    at: Timestamp,
    last: Timestamp,
    times: u64,
    /// Whether a line was due since the beginning: what nobody was told of is over without a line.
    told: bool,
}

/// A storm that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// How many events there were.
    pub times: u64,
    /// How long it lasted.
    pub lasted: Duration,
}

impl Storm {
    /// No event has been seen yet.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, state: Mutex::default(), begun: AtomicBool::new(false) }
    }

    /// Counts one event. When a line is due, returns how many events it stands for: those since the last line.
    pub fn event(&self) -> Option<u64> {
        let now = self.clock.steady();
        let mut state = self.state();
        state.withheld += 1;
        // A clock that was set back silences nothing.
        let due = state.said.is_none_or(|said| !(said..later(said, EVERY)).contains(&now));
        let begun = state.now.get_or_insert(Begun { at: now, last: now, times: 0, told: false });
        begun.last = now;
        begun.times += 1;
        begun.told |= due;
        self.begun.store(true, Ordering::Relaxed);
        if !due {
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.withheld))
    }

    /// Ends the storm, if there is one and its last event is a second ago; returns it if it was told of. The caller
    /// asks at each success. Costs one load when there is no storm.
    pub fn over(&self) -> Option<Over> {
        if !self.begun.load(Ordering::Relaxed) {
            return None;
        }
        let (mut state, now) = (self.state(), self.clock.steady());
        state.now.take_if(|begun| !(begun.last..later(begun.last, QUIET)).contains(&now)).and_then(|begun| {
            self.begun.store(false, Ordering::Relaxed);
            begun.told.then(|| Over { times: begun.times, lasted: elapsed(begun.at, now) })
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_storm_is_one_line_at_its_beginning_one_a_minute_with_a_count_and_one_at_its_end() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let storm = Storm::new(Arc::new(clock.clone()));
        assert_eq!(storm.over(), None);
        let mut lines = Vec::new();
        for _ in 0..150 {
            lines.extend(storm.event());
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(lines, [1, 60, 60]);
        assert_eq!(storm.over(), Some(Over { times: 150, lasted: Duration::from_secs(150) }));
        assert_eq!(storm.over(), None);
    }

    #[test]
    fn what_begins_and_ends_again_and_again_is_no_more_lines() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let storm = Storm::new(Arc::new(clock.clone()));
        let (mut lines, mut ends) = (Vec::new(), 0);
        for _ in 0..150 {
            lines.extend(storm.event());
            assert_eq!(storm.over(), None, "a success at once after a failure is no end");
            clock.advance(Duration::from_secs(1));
            ends += usize::from(storm.over().is_some());
        }
        assert_eq!((lines, ends), (vec![1, 60, 60], 3));
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nothing() {
        let clock = ManualClock::new(later(Timestamp::UNIX_EPOCH, Duration::from_hours(48)));
        let back = ManualClock::new(Timestamp::UNIX_EPOCH);
        let mut storm = Storm::new(Arc::new(clock));
        assert_eq!((storm.event(), storm.event()), (Some(1), None));
        storm.clock = Arc::new(back);
        assert_eq!(storm.event(), Some(2));
    }
}
