//! Limits the log lines about events of one kind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::clock::{SharedClock, elapsed};

/// The shortest interval between two lines.
const INTERVAL: Duration = Duration::from_mins(1);
/// How long there must be no event before the storm is over. One success among failures does not end it.
const QUIET: Duration = Duration::from_secs(1);

/// Limits events of one kind to one line when they begin, one line a minute with a count while they go on, and one line
/// when they are over. It decides when a line is due, and the caller writes the line. Events that begin and end repeatedly
/// have at most one line a minute too.
#[derive(Debug)]
pub struct Storm {
    clock: SharedClock,
    state: Mutex<State>,
    /// Whether `state.current` is set. It can be read for each update without the lock.
    active: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// When a line was last due.
    logged: Option<Timestamp>,
    /// Events since that line.
    unlogged: u64,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    begun: Timestamp,
    last_event: Timestamp,
    times: u64,
    /// Whether a line was due since the beginning. If not, there is no line about the end either.
    was_logged: bool,
}

/// What the line about the end of a storm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormEnd {
    /// How many events there were.
    pub times: u64,
    /// The time from the first event to the call that found the storm over.
    pub lasted: Duration,
}

impl Storm {
    /// Has seen no event yet.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, state: Mutex::default(), active: AtomicBool::new(false) }
    }

    /// Counts one event. If a line is due, returns the number of events since the last line.
    pub fn event(&self) -> Option<u64> {
        let now = self.clock.steady();
        let mut state = self.state.lock();
        state.unlogged += 1;
        let is_due = state.logged.is_none_or(|logged| elapsed(logged, now) >= INTERVAL);
        let new = Current { begun: now, last_event: now, times: 0, was_logged: false };
        let current = state.current.get_or_insert(new);
        current.last_event = now;
        current.times += 1;
        current.was_logged |= is_due;
        self.active.store(true, Ordering::Relaxed);
        if !is_due {
            return None;
        }
        state.logged = Some(now);
        Some(std::mem::take(&mut state.unlogged))
    }

    /// Ends the storm if its last event is at least a second ago. Returns it if a line about it was due. The caller asks
    /// after each success, which costs one load while there is no storm.
    pub fn over(&self) -> Option<StormEnd> {
        if !self.active.load(Ordering::Relaxed) {
            return None;
        }
        let (mut state, now) = (self.state.lock(), self.clock.steady());
        let ended = state.current.take_if(|current| elapsed(current.last_event, now) >= QUIET)?;
        self.active.store(false, Ordering::Relaxed);
        ended.was_logged.then(|| StormEnd { times: ended.times, lasted: elapsed(ended.begun, now) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{ManualClock, later};

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
        assert_eq!(storm.over(), Some(StormEnd { times: 150, lasted: Duration::from_secs(150) }));
        assert_eq!(storm.over(), None);
    }

    #[test]
    fn events_that_begin_and_end_repeatedly_have_no_more_lines() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let storm = Storm::new(Arc::new(clock.clone()));
        let (mut lines, mut ends) = (Vec::new(), 0);
        for _ in 0..150 {
            lines.extend(storm.event());
            assert_eq!(storm.over(), None, "a success right after a failure does not end it");
            clock.advance(Duration::from_secs(1));
            ends += usize::from(storm.over().is_some());
        }
        assert_eq!((lines, ends), (vec![1, 60, 60], 3));
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nothing() {
        let clock = ManualClock::new(later(Timestamp::UNIX_EPOCH, Duration::from_hours(48)));
        let storm = Storm::new(Arc::new(clock.clone()));
        assert_eq!((storm.event(), storm.event()), (Some(1), None));
        clock.set(Timestamp::UNIX_EPOCH);
        clock.advance(INTERVAL);
        assert_eq!(storm.event(), Some(2));
    }
}
