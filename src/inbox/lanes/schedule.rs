//! The order in which lanes can be claimed, now and later.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashSet, VecDeque};

use jiff::Timestamp;

use super::deadlines::Deadlines;
use super::lane::Lane;
use crate::inbox::delivery::Claimable;
use crate::update::ChatKey;

/// How many updates with a deadline are claimed one after another while others wait.
const DEADLINES_IN_A_ROW: u32 = 3;

/// Lanes whose first update is not claimed. Each is in one of the collections, once.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Lanes that are ready.
    ready: VecDeque<ChatKey>,
    /// Lanes that are ready and whose first update has been handled: only calls are left. They go before the others.
    handled: VecDeque<ChatKey>,
    /// Lanes that are ready and whose first update may have killed the process, by crash count. One of them at a time
    /// is claimed, so that the next crash shows which update caused it.
    suspects: BTreeSet<(u32, ChatKey)>,
    suspect_held: Option<ChatKey>,
    /// Lanes that are ready and whose first update must be answered by a time that has not passed.
    by_deadline: Deadlines,
    /// How many of them were claimed since one of `ready` was.
    deadlines_in_a_row: u32,
    /// Lanes whose first update waits for its time. An entry that does not match its lane is void.
    later: BinaryHeap<Reverse<(Timestamp, ChatKey)>>,
}

impl Schedule {
    /// Adds a lane behind the others.
    pub(super) fn push_back(&mut self, key: ChatKey, lane: &Lane) {
        match (lane.ready_at, lane.crash_count()) {
            (Some(at), _) => self.later.push(Reverse((at, key))),
            (None, 0) if lane.has_calls() => self.handled.push_back(key),
            (None, 0) if self.by_deadline.insert(key, lane) => {}
            (None, 0) => self.ready.push_back(key),
            (None, crash_count) => drop(self.suspects.insert((crash_count, key))),
        }
    }

    /// Adds a lane that is ready, before the others.
    pub(super) fn push_front(&mut self, key: ChatKey, lane: &Lane) {
        match lane.crash_count() {
            0 if lane.has_calls() => self.handled.push_front(key),
            0 if self.by_deadline.insert(key, lane) => {}
            0 => self.ready.push_front(key),
            crash_count => drop(self.suspects.insert((crash_count, key))),
        }
    }

    /// Takes the next lane that is ready. If its first update is a suspect, no other suspect is taken until
    /// [`Schedule::end_claim`].
    pub(super) fn pop(&mut self, which: Claimable) -> Option<ChatKey> {
        match which {
            Claimable::Any => {}
            Claimable::CallsLeft => return self.handled.pop_front(),
            Claimable::Urgent => return self.by_deadline.pop_urgent(),
        }
        if self.suspect_held.is_none()
            && let Some((_, key)) = self.suspects.pop_first()
        {
            self.suspect_held = Some(key);
            return Some(key);
        }
        self.handled.pop_front().or_else(|| self.pop_ready())
    }

    /// Takes a lane whose first update was not handled yet: of four, three with a deadline and one without.
    fn pop_ready(&mut self) -> Option<ChatKey> {
        if (self.deadlines_in_a_row < DEADLINES_IN_A_ROW || self.ready.is_empty())
            && let Some(key) = self.by_deadline.pop()
        {
            self.deadlines_in_a_row += 1;
            return Some(key);
        }
        self.deadlines_in_a_row = 0;
        self.ready.pop_front()
    }

    /// Lanes whose first update can no longer be answered in time wait behind the others.
    pub(super) fn demote_late(&mut self, now: Timestamp) {
        while let Some(key) = self.by_deadline.pop_late(now) {
            self.ready.push_back(key);
        }
    }

    /// The first update of this lane is no longer claimed.
    pub(super) fn end_claim(&mut self, key: ChatKey) {
        if self.suspect_held == Some(key) {
            self.suspect_held = None;
        }
    }

    /// Removes and returns the next lane that is due at `now`, with its time.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, ChatKey)> {
        let Reverse((at, _)) = self.later.peek()?;
        if *at > now {
            return None;
        }
        self.later.pop().map(|Reverse(due)| due)
    }

    /// Removes a lane that is ready and whose first update has gone.
    pub(super) fn remove(&mut self, key: ChatKey) {
        self.ready.retain(|ready| *ready != key);
        self.handled.retain(|handled| *handled != key);
        self.by_deadline.retain(|other| other != key);
        self.suspects.retain(|(_, suspect)| *suspect != key);
    }

    /// Removes lanes whose first update has gone.
    pub(super) fn remove_all(&mut self, keys: &[ChatKey]) {
        let keys: HashSet<&ChatKey> = keys.iter().collect();
        self.ready.retain(|ready| !keys.contains(ready));
        self.suspects.retain(|(_, suspect)| !keys.contains(suspect));
        self.by_deadline.retain(|key| !keys.contains(&key));
    }

    /// Lanes of each collection, at most `limit`: those that have been ready for longest, and any that wait.
    pub(super) fn first(&self, limit: usize) -> impl Iterator<Item = &ChatKey> {
        let later = self.later.iter().map(|Reverse((_, key))| key);
        let suspects = self.suspects.iter().map(|(_, key)| key);
        self.ready
            .iter()
            .take(limit)
            .chain(self.by_deadline.first(limit))
            .chain(suspects.take(limit))
            .chain(later.take(limit))
    }

    pub(super) fn has_ready(&self, which: Claimable) -> bool {
        match which {
            Claimable::CallsLeft => !self.handled.is_empty(),
            Claimable::Urgent => self.by_deadline.has_urgent(),
            Claimable::Any => {
                let has_suspect = self.suspect_held.is_none() && !self.suspects.is_empty();
                !self.handled.is_empty() || !self.ready.is_empty() || !self.by_deadline.is_empty() || has_suspect
            }
        }
    }

    /// When the next lane that waits will be ready.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.later.peek().map(|Reverse((at, _))| *at)
    }
}
