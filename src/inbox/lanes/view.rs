//! What the operator sees of the lanes. No call looks at more lanes than it is told to.

use std::collections::HashSet;

use jiff::Timestamp;

use super::Lanes;
use crate::update::{ChatKey, UpdateId};

/// A lane and its first update.
#[derive(Clone, Copy, Debug)]
pub(in crate::inbox) struct LaneView {
    /// The number of its updates, the first one included.
    pub(in crate::inbox) len: usize,
    pub(in crate::inbox) head: UpdateId,
    /// When the first update was accepted.
    pub(in crate::inbox) received_at: Timestamp,
    /// Whether the first update is claimed.
    pub(in crate::inbox) is_held: bool,
    /// When the first update may be claimed; `None` means now.
    pub(in crate::inbox) ready_at: Option<Timestamp>,
}

impl Lanes {
    /// The ids of the claimed updates.
    pub(in crate::inbox) fn held_ids(&self) -> HashSet<UpdateId> {
        self.held.iter().filter_map(|key| Some(self.by_chat.get(key)?.items.front()?.id)).collect()
    }

    /// The ids of the updates of a chat, in all of its lanes, that wait or are claimed.
    pub(in crate::inbox) fn ids_of(&self, key: ChatKey) -> Vec<UpdateId> {
        let lanes = key.all_lanes().filter_map(|key| self.by_chat.get(&key));
        lanes.flat_map(|lane| &lane.items).map(|item| item.id).collect()
    }

    /// Lanes whose first update is claimed, waits for its time, or has been ready for longest; at most `limit` of each
    /// sort. The lane that has waited longest is first.
    pub(in crate::inbox) fn longest_waiting(&self, limit: usize) -> Vec<LaneView> {
        let keys = self.held.iter().take(limit).chain(self.schedule.first(limit));
        let mut views: Vec<LaneView> = keys.filter_map(|key| self.view(*key)).collect();
        views.sort_unstable_by_key(|view| (view.received_at, view.head));
        // A lane can have void entries in the schedule.
        views.dedup_by_key(|view| view.head);
        views
    }

    /// The lane of a chat, if it has updates.
    pub(in crate::inbox) fn view(&self, key: ChatKey) -> Option<LaneView> {
        let lane = self.by_chat.get(&key)?;
        let head = lane.items.front()?;
        Some(LaneView {
            len: lane.items.len(),
            head: head.id,
            received_at: head.received_at,
            is_held: lane.held.is_some(),
            ready_at: lane.ready_at,
        })
    }
}
