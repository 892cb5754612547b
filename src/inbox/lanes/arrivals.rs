//! When the open updates were accepted.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Acceptance times of the updates that wait or are claimed. The oldest is known without a scan.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// The number of updates per millisecond.
    by_millis: BTreeMap<i64, usize>,
}

impl Arrivals {
    pub(super) fn add(&mut self, at: Timestamp) {
        *self.by_millis.entry(at.as_millisecond()).or_default() += 1;
    }

    /// Removes a time that was added.
    pub(super) fn remove(&mut self, at: Timestamp) {
        let millis = at.as_millisecond();
        if let Some(count) = self.by_millis.get_mut(&millis) {
            *count -= 1;
            if *count == 0 {
                self.by_millis.remove(&millis);
            }
        }
    }

    /// The oldest time, to the millisecond.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.by_millis.first_key_value().and_then(|(millis, _)| Timestamp::from_millisecond(*millis).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_time_stays_until_its_last_update_is_removed() {
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        let mut arrivals = Arrivals::default();
        for millis in [7, 5, 5, 9] {
            arrivals.add(at(millis));
        }
        let mut oldest = Vec::new();
        for millis in [9, 5, 5, 7] {
            oldest.push(arrivals.oldest());
            arrivals.remove(at(millis));
        }
        assert_eq!(oldest, [5, 5, 5, 7].map(|millis| Some(at(millis))));
        assert_eq!(arrivals.oldest(), None);
    }
}
