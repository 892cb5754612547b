use std::collections::BTreeMap;

use jiff::Timestamp;

/// When the updates that wait or are held arrived: so the oldest is known without a look at all of them.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// How many in each millisecond.
    by_millis: BTreeMap<i64, usize>,
}

impl Arrivals {
    pub(super) fn add(&mut self, at: Timestamp) {
        *self.by_millis.entry(at.as_millisecond()).or_default() += 1;
    }

    /// One that was added is gone.
    pub(super) fn remove(&mut self, at: Timestamp) {
        let millis = at.as_millisecond();
        if let Some(count) = self.by_millis.get_mut(&millis) {
            *count -= 1;
            if *count == 0 {
                self.by_millis.remove(&millis);
            }
        }
    }

    /// When the oldest came, to the millisecond.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.by_millis.first_key_value().and_then(|(millis, _)| Timestamp::from_millisecond(*millis).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_known_until_the_last_of_its_moment_has_gone() {
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
