//! How many of a claim's updates are claimed because they must be answered soon, and how many because they have waited for
//! longest.

use std::cmp::Ordering;

/// How many updates with a deadline are claimed one after another while others wait.
const DEADLINES_IN_A_ROW: i64 = 3;

/// Counts over claims, so that the share is kept also where each claim is for one update.
#[derive(Default)]
pub(super) struct Hurry {
    /// Updates with a deadline that were claimed since the last one without: at most [`DEADLINES_IN_A_ROW`].
    in_a_row: i64,
}

impl Hurry {
    /// How many of the next `limit` updates are those that have waited for longest.
    pub(super) fn oldest_of(&self, limit: i64) -> i64 {
        limit.saturating_add(self.in_a_row) / (DEADLINES_IN_A_ROW + 1)
    }

    /// Records that a claim with this limit found so many updates, `hurried` of them because of their deadline.
    pub(super) fn record(&mut self, limit: i64, hurried: usize, found: usize) {
        let hurried = i64::try_from(hurried).unwrap_or(i64::MAX);
        let others = i64::try_from(found).unwrap_or(i64::MAX) - hurried;
        let oldest = self.oldest_of(limit);
        self.in_a_row = match others.cmp(&oldest) {
            // No deadline was left, so others took the slots.
            Ordering::Greater => 0,
            Ordering::Equal => (self.in_a_row + hurried + others) % (DEADLINES_IN_A_ROW + 1),
            Ordering::Less => (self.in_a_row + hurried).min(DEADLINES_IN_A_ROW),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_four_updates_are_those_with_a_deadline_however_many_a_claim_takes() {
        for limits in [[1; 16].as_slice(), &[2; 8], &[3; 16], &[4; 4], &[7, 1, 64, 2, 5, 1]] {
            let (mut hurry, mut total, mut oldest) = (Hurry::default(), 0, 0);
            for limit in limits {
                let of_them = hurry.oldest_of(*limit);
                (total, oldest) = (total + limit, oldest + of_them);
                assert_eq!(oldest, total / 4, "{limits:?}");
                let found = usize::try_from(*limit).unwrap();
                hurry.record(*limit, found - usize::try_from(of_them).unwrap(), found);
            }
        }
    }

    #[test]
    fn where_one_sort_has_none_the_other_takes_the_slots() {
        let mut hurry = Hurry::default();
        hurry.record(8, 0, 8);
        assert_eq!(hurry.oldest_of(3), 0, "none with a deadline was claimed before");
        for _ in 0..10 {
            hurry.record(3, 3, 3);
        }
        assert_eq!(hurry.oldest_of(1), 1, "the next is one that has waited");
    }
}
