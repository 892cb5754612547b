//! The updates in memory, and the ids of those that ended.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use super::super::verdict::{Verdict, VerdictKind};
use super::dead_letters::DeadLetters;
use super::open_update::OpenUpdate;
use crate::update::UpdateId;

/// The limit of stored ids of ended updates. The latest are stored, at 32 bytes each.
const REMEMBERED: usize = 1_000_000;

#[derive(Default)]
pub(super) struct Contents {
    /// Updates that wait or are claimed.
    pub(super) open: HashMap<UpdateId, OpenUpdate>,
    pub(super) dead: DeadLetters,
    ended: HashSet<UpdateId>,
    ended_in_order: VecDeque<(Timestamp, UpdateId)>,
}

impl Contents {
    /// Whether an update of this id was accepted and is not open any more.
    pub(super) fn has_ended(&self, id: UpdateId) -> bool {
        self.ended.contains(&id) || self.dead.contains(id)
    }

    /// Records the verdict on an open update.
    pub(super) fn record(&mut self, id: UpdateId, verdict: &Verdict, now: Timestamp) {
        let Some(mut open) = self.open.remove(&id) else { return };
        let kind = verdict.kind();
        open.attempts += u32::from(kind.counts_as_attempt());
        open.reason = verdict.reason().map(str::to_owned).or(open.reason);
        open.calls_left = verdict.calls().map(<[_]>::to_vec).or(open.calls_left);
        match kind {
            VerdictKind::Done | VerdictKind::Expired => {
                open.acknowledge();
                self.end(id, now);
            }
            VerdictKind::Dead => {
                open.acknowledge();
                for dropped in self.dead.add(open) {
                    self.end(dropped, now);
                }
            }
            VerdictKind::Retry | VerdictKind::Postponed | VerdictKind::CallsLeft | VerdictKind::Released => {
                self.open.insert(id, open);
            }
        }
    }

    /// Remembers the id of an update that ended.
    pub(super) fn end(&mut self, id: UpdateId, now: Timestamp) {
        if self.ended.insert(id) {
            self.ended_in_order.push_back((now, id));
        }
        if self.ended_in_order.len() > REMEMBERED {
            self.forget_oldest();
        }
    }

    /// Drops the oldest dead-letter update, if there is one. Its id stays known.
    pub(super) fn drop_oldest_dead(&mut self, now: Timestamp) {
        if let Some(dropped) = self.dead.drop_oldest() {
            self.end(dropped, now);
        }
    }

    /// Forgets the ids of updates that ended before `before`.
    pub(super) fn forget_ended(&mut self, before: Timestamp) {
        while self.ended_in_order.front().is_some_and(|(ended_at, _)| *ended_at < before) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.ended_in_order.pop_front() {
            self.ended.remove(&id);
        }
    }
}
