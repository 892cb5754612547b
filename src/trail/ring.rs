use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::event::Step;
use crate::update::UpdateId;

/// The most steps of one update: an update that is retried for a day must not displace the others. Later steps replace the
/// last one.
const STEPS: usize = 100;

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

    pub(super) fn push(&mut self, update: UpdateId, step: Step) {
        self.bytes += step.bytes();
        let steps = self.steps.entry(update).or_insert_with(|| {
            self.order.push_back(update);
            self.bytes += UPDATE_BYTES;
            Vec::with_capacity(6)
        });
        if steps.len() == STEPS
            && let Some(replaced) = steps.pop()
        {
            self.bytes -= replaced.bytes();
        }
        steps.push(step);
        while self.order.len() > self.limits.updates || self.bytes > self.limits.bytes {
            let Some(oldest) = self.order.pop_front() else { return };
            let dropped = self.steps.remove(&oldest).unwrap_or_default();
            self.bytes -= dropped.iter().map(Step::bytes).sum::<usize>() + UPDATE_BYTES;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trail::Event;

    fn step(reason: &str) -> Step {
        let reason = Some(reason.to_owned());
        Step { at: Timestamp::UNIX_EPOCH, event: Event::Ended { verdict: "retry", reason, next_at: None } }
    }

    #[test]
    fn the_oldest_updates_are_dropped_beyond_the_number_and_beyond_the_bytes() {
        let mut ring = Ring::new(Limits { updates: 2, bytes: 10_000 });
        for id in 1..=3 {
            ring.push(UpdateId(id), step("a"));
        }
        assert!(ring.steps(UpdateId(1)).is_none());
        assert_eq!(ring.latest(10).iter().map(|(id, ..)| id.0).collect::<Vec<_>>(), [3, 2]);
        ring.push(UpdateId(4), step(&"a".repeat(9_700)));
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
}
