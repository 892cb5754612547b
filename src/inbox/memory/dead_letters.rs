//! The dead-letter updates in memory, bounded in number and in bytes.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::super::record::Selection;
use super::open_update::OpenUpdate;
use crate::update::UpdateId;

/// The most dead-letter updates. No operator's command reaches this process, so they must not fill its memory: the
/// oldest is dropped. The log says what happened to each.
const MAX_UPDATES: usize = 1_000;
/// The most bytes of their bodies.
const MAX_BYTES: usize = 16 << 20;

/// Updates that were given up.
#[derive(Default)]
pub(super) struct DeadLetters {
    by_id: HashMap<UpdateId, (Age, OpenUpdate)>,
    by_age: BTreeMap<Age, UpdateId>,
    added: u64,
    bytes: usize,
}

/// When an update was accepted, and for equal times the order in which the updates were given up.
type Age = (Timestamp, u64);

impl DeadLetters {
    /// Adds an update. Returns those that were dropped in exchange.
    pub(super) fn add(&mut self, update: OpenUpdate) -> Vec<UpdateId> {
        self.added += 1;
        let (id, age) = (update.update.id, (update.update.received_at, self.added));
        self.bytes += update.update.body.len();
        self.by_age.insert(age, id);
        self.by_id.insert(id, (age, update));
        let mut dropped = Vec::new();
        while self.len() > MAX_UPDATES || self.bytes > MAX_BYTES {
            dropped.extend(self.drop_oldest());
        }
        dropped
    }

    /// Drops the oldest update and returns its id.
    pub(super) fn drop_oldest(&mut self) -> Option<UpdateId> {
        let oldest = *self.by_age.first_key_value()?.1;
        self.remove(oldest).map(|dropped| dropped.update.id)
    }

    fn remove(&mut self, id: UpdateId) -> Option<OpenUpdate> {
        let (age, removed) = self.by_id.remove(&id)?;
        self.by_age.remove(&age);
        self.bytes -= removed.update.body.len();
        Some(removed)
    }

    pub(super) fn contains(&self, id: UpdateId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The selected updates, the oldest first.
    pub(super) fn selected(&self, which: &Selection) -> impl Iterator<Item = &OpenUpdate> {
        let ids = self.by_age.values().filter(|id| which.includes(**id));
        ids.filter_map(|id| self.by_id.get(id)).map(|(_, update)| update)
    }

    /// Removes the selected updates and returns them, the oldest first.
    pub(super) fn take(&mut self, which: &Selection) -> Vec<OpenUpdate> {
        let ids: Vec<_> = self.selected(which).map(|update| update.update.id).collect();
        ids.into_iter().filter_map(|id| self.remove(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::update::Update;

    fn dead(id: i64, bytes: usize) -> OpenUpdate {
        let body = format!(r#"{{"update_id":{id},"message":{{"text":"{}"}}}}"#, "a".repeat(bytes));
        let update = Update::parse(Bytes::from(body), Timestamp::UNIX_EPOCH).unwrap();
        OpenUpdate { update, attempts: 8, reason: None, calls_left: None, requests: Vec::new() }
    }

    #[test]
    fn dead_letter_updates_are_bounded_in_number_and_bytes_and_the_oldest_are_dropped() {
        let mut letters = DeadLetters::default();
        let dropped: Vec<UpdateId> = (0..1_010).flat_map(|id| letters.add(dead(id, 0))).collect();
        assert_eq!((dropped, letters.len()), ((0..10).map(UpdateId).collect(), 1_000));
        for id in 2_000..2_100 {
            letters.add(dead(id, 1 << 20));
        }
        assert_eq!(letters.len(), 15);
        assert!(letters.contains(UpdateId(2_099)) && !letters.contains(UpdateId(2_000)));
        assert_eq!(letters.take(&Selection::All).len(), 15);
        assert_eq!(letters.bytes, 0);
    }
}
