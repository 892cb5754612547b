//! What the memory store keeps of updates that ended: their ids, and for the latest of them what the operator may ask.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use super::super::browse::StateCounts;
use super::super::record::{Record, UpdateState};
use crate::update::UpdateId;

/// The limit of stored ids of ended updates. The latest are stored, at 32 bytes each.
const REMEMBERED: usize = 1_000_000;
/// The limit of ended updates that the operator can see.
const MAX_RECORDS: usize = 1_000;

#[derive(Default)]
pub(super) struct Ended {
    ids: HashSet<UpdateId>,
    in_order: VecDeque<(Timestamp, UpdateId)>,
    /// The latest that ended, in no order, and their ids in the order in which they ended.
    records: HashMap<UpdateId, Record>,
    recorded: VecDeque<UpdateId>,
}

impl Ended {
    pub(super) fn contains(&self, id: UpdateId) -> bool {
        self.ids.contains(&id)
    }

    /// Adds an update that ended. Its record has no body and no calls.
    pub(super) fn add(&mut self, record: Record, now: Timestamp) {
        let id = record.id;
        if self.ids.insert(id) {
            self.in_order.push_back((now, id));
            self.recorded.push_back(id);
            self.records.insert(id, Record { ended_at: Some(now), ..record });
        }
        if self.in_order.len() > REMEMBERED {
            self.forget_oldest();
        }
        if self.recorded.len() > MAX_RECORDS
            && let Some(oldest) = self.recorded.pop_front()
        {
            self.records.remove(&oldest);
        }
    }

    /// Forgets the updates that ended before `before`.
    pub(super) fn forget(&mut self, before: Timestamp) {
        while self.in_order.front().is_some_and(|(ended_at, _)| *ended_at < before) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.in_order.pop_front() {
            self.ids.remove(&id);
            if self.recorded.front() == Some(&id) {
                self.recorded.pop_front();
                self.records.remove(&id);
            }
        }
    }

    /// The latest updates that ended.
    pub(super) fn record(&self, id: UpdateId) -> Option<&Record> {
        self.records.get(&id)
    }

    /// The ids of the latest updates that ended, in no order.
    pub(super) fn recorded(&self) -> impl Iterator<Item = UpdateId> {
        self.records.keys().copied()
    }

    /// Adds the numbers of ended updates, unless there are more of them than can be seen.
    pub(super) fn count(&self, counts: StateCounts) -> StateCounts {
        if self.ids.len() > self.records.len() {
            return counts;
        }
        let count = |state| self.records.values().filter(|record| record.state == state).count() as u64;
        StateCounts { done: Some(count(UpdateState::Done)), expired: Some(count(UpdateState::Expired)), ..counts }
    }
}
