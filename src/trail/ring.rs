use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::event::Step;
use crate::update::UpdateId;

/// The most steps of one update: an update that is retried for a day must not displace the others. Later steps replace the
/// last one.
const STEPS: usize = 100;

/// The steps of an update that is stored, handled with one call and done.
const USUAL_STEPS: usize = 5;

/// What an update costs beside its steps, in bytes: its entries in the map and in the order.
const UPDATE_BYTES: usize = 96;

/// How much a trail keeps. The oldest updates are dropped first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most updates.
    pub updates: usize,
    /// The most memory, in bytes.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { updates: 1_000, bytes: 8 * 1024 * 1024 }
    }
}

/// The steps of the latest updates.
pub(super) struct Ring {
    limits: Limits,
    /// The updates, the oldest first.
    order: VecDeque<UpdateId>,
    steps: HashMap<UpdateId, Vec<Step>>,
    bytes: usize,
}

impl Ring {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, order: VecDeque::new(), steps: HashMap::new(), bytes: 0 }
    }

    /// Adds a step after all others of the update.
    pub(super) fn push(&mut self, update: UpdateId, step: Step) {
        self.add(update, step, |steps, _| steps.len());
    }

    /// Adds a step before those of the same time and later ones.
    pub(super) fn insert(&mut self, update: UpdateId, step: Step) {
        self.add(update, step, |steps, step| steps.partition_point(|earlier| earlier.at < step.at));
    }

    fn add(&mut self, update: UpdateId, step: Step, place: impl FnOnce(&[Step], &Step) -> usize) {
        let steps = self.steps.entry(update).or_insert_with(|| {
            self.order.push_back(update);
            self.bytes += UPDATE_BYTES;
            Vec::new()
        });
        self.bytes -= bytes(steps);
        if steps.len() == STEPS {
            steps.pop();
        }
        if steps.capacity() == 0 {
            steps.reserve_exact(USUAL_STEPS);
        }
        let place = place(steps, &step);
        steps.insert(place, step);
        self.bytes += bytes(steps);
        while self.order.len() > self.limits.updates || self.bytes > self.limits.bytes {
            let Some(oldest) = self.order.pop_front() else { return };
            let dropped = self.steps.remove(&oldest).unwrap_or_default();
            self.bytes -= bytes(&dropped) + UPDATE_BYTES;
        }
    }

    pub(super) fn steps(&self, update: UpdateId) -> Option<&[Step]> {
        self.steps.get(&update).map(Vec::as_slice)
    }

    pub(super) fn latest(&self, limit: usize) -> Vec<(UpdateId, Timestamp, Step)> {
        let of = |id: &UpdateId| {
            let steps = self.steps.get(id)?;
            Some((*id, steps.first()?.at, steps.last()?.clone()))
        };
        self.order.iter().rev().take(limit).filter_map(of).collect()
    }
}

/// The memory of these steps, in bytes. There are few, so nothing is kept of the last sum.
fn bytes(steps: &Vec<Step>) -> usize {
    steps.capacity() * size_of::<Step>() + steps.iter().map(Step::text_bytes).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::trail::Event;
    use crate::update::{ChatKey, Kind};

    fn step(reason: &str) -> Step {
        let reason = Some(reason.to_owned());
        Step { at: Timestamp::UNIX_EPOCH, event: Event::Ended { verdict: "retry", reason, next_at: None } }
    }

    #[test]
    fn the_oldest_updates_are_dropped_beyond_the_number_and_beyond_the_bytes() {
        let mut ring = Ring::new(Limits { updates: 2, bytes: 100_000 });
        for id in 1..=3 {
            ring.push(UpdateId(id), step("a"));
        }
        assert!(ring.steps(UpdateId(1)).is_none());
        assert_eq!(ring.latest(10).iter().map(|(id, ..)| id.0).collect::<Vec<_>>(), [3, 2]);
        ring.push(UpdateId(4), step(&"a".repeat(99_000)));
        assert_eq!(ring.latest(10).iter().map(|(id, ..)| id.0).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn an_update_with_very_many_steps_keeps_the_first_and_the_last() {
        let mut ring = Ring::new(Limits::default());
        for n in 0..1_000 {
            ring.push(UpdateId(1), step(&n.to_string()));
        }
        let steps = ring.steps(UpdateId(1)).unwrap();
        assert_eq!((steps.len(), &steps[0], &steps[STEPS - 1]), (STEPS, &step("0"), &step("999")));
    }

    #[test]
    fn a_step_that_began_earlier_is_placed_before_later_ones() {
        let mut ring = Ring::new(Limits::default());
        let at = |second| Timestamp::from_second(second).unwrap();
        let step = |second| Step { at: at(second), event: Event::Known };
        ring.push(UpdateId(1), step(5));
        ring.push(UpdateId(1), step(7));
        ring.insert(UpdateId(1), step(5));
        ring.insert(UpdateId(1), step(1));
        let times: Vec<_> = ring.steps(UpdateId(1)).unwrap().iter().map(|step| step.at.as_second()).collect();
        assert_eq!(times, [1, 5, 5, 7]);
    }

    /// The memory of a ring, counted anew.
    fn counted(ring: &Ring) -> usize {
        ring.steps.values().map(|steps| UPDATE_BYTES + bytes(steps)).sum()
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let event = prop_oneof![
            Just(Event::Known),
            (0..3_000_usize).prop_map(|length| Event::Failed { reason: "a".repeat(length), took: Duration::ZERO }),
            // A kind that is not known has any name.
            (0..3_000_usize).prop_map(|length| Event::Stored {
                kind: Kind::named(&"k".repeat(length)),
                chat_key: ChatKey::chat(1),
                bytes: length,
                took: Duration::ZERO,
            }),
        ];
        (0..100_i64, event).prop_map(|(second, event)| Step { at: Timestamp::from_second(second).unwrap(), event })
    }

    proptest! {
        #[test]
        fn no_sequence_of_steps_exceeds_the_limits(
            updates in 1..8_usize,
            memory in 0..40_000_usize,
            steps in prop::collection::vec((0..12_i64, any::<bool>(), any_step()), 0..300),
        ) {
            let mut ring = Ring::new(Limits { updates, bytes: memory });
            for (id, is_push, step) in steps {
                let add = if is_push { Ring::push } else { Ring::insert };
                add(&mut ring, UpdateId(id), step);
                prop_assert_eq!(ring.bytes, counted(&ring));
                prop_assert!(ring.bytes <= memory && ring.order.len() <= updates, "{} {}", ring.bytes, ring.order.len());
                prop_assert_eq!(ring.order.len(), ring.steps.len());
                prop_assert!(ring.steps.values().all(|steps| (1..=STEPS).contains(&steps.len())));
            }
        }
    }
}
