use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{SharedClock, elapsed, later};

/// How long a line stands for all events of its kind that follow it.
const EVERY: Duration = Duration::from_mins(1);

/// Keeps one kind of event to one line when it begins, one line a minute with a count while it goes on, and one
/// line when it is over. It decides when a line is due; the caller writes it.
#[derive(Debug)]
pub struct Storm {
    clock: SharedClock,
    state: Mutex<Option<State>>,
    /// Whether there is a state, for those who ask on the path of every update.
    begun: AtomicBool,
}

#[derive(Debug)]
struct State {
    began: Timestamp,
    said: Timestamp,
    /// Events since the last line, without that of the line itself.
    withheld: u64,
    total: u64,
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

    /// Counts one event. When a line is due, returns how many events it stands for: 1 for the first event, and at
    /// most once a minute the number of events since the last line.
    pub fn event(&self) -> Option<u64> {
        let now = self.clock.now();
        let mut state = self.state();
        let Some(storm) = state.as_mut() else {
            *state = Some(State { began: now, said: now, withheld: 0, total: 1 });
            self.begun.store(true, Ordering::Relaxed);
            return Some(1);
        };
        storm.total += 1;
        storm.withheld += 1;
        // A clock that was set back does not silence anything.
        if (storm.said..later(storm.said, EVERY)).contains(&now) {
            return None;
        }
        storm.said = now;
        Some(std::mem::take(&mut storm.withheld))
    }

    /// Ends the storm, if there is one. Costs one load when there is none.
    pub fn over(&self) -> Option<Over> {
        if !self.begun.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.state();
        self.begun.store(false, Ordering::Relaxed);
        let storm = state.take()?;
        Some(Over { times: storm.total, lasted: elapsed(storm.began, self.clock.now()) })
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
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
        assert_eq!((storm.over(), storm.event()), (None, Some(1)), "the next one begins anew");
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
