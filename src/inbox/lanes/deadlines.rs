//! Lanes in the order in which their first updates must be answered.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::lane::Lane;
use crate::update::ChatKey;

/// Lanes whose first update must be answered by some time, each with that time. The earliest goes first.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// Those for which slots are reserved.
    urgent: BTreeSet<(Timestamp, ChatKey)>,
    others: BTreeSet<(Timestamp, ChatKey)>,
}

impl Deadlines {
    /// Adds a lane. False if its first update may be answered at any time.
    pub(super) fn insert(&mut self, key: ChatKey, lane: &Lane) -> bool {
        let Some((at, is_urgent)) = lane.answer_by() else { return false };
        if is_urgent {
            self.urgent.insert((at, key))
        } else {
            self.others.insert((at, key))
        };
        true
    }

    /// Takes the first lane.
    pub(super) fn pop(&mut self) -> Option<ChatKey> {
        self.earliest()?.pop_first().map(|(_, key)| key)
    }

    /// Takes the first lane of those that are urgent.
    pub(super) fn pop_urgent(&mut self) -> Option<ChatKey> {
        self.urgent.pop_first().map(|(_, key)| key)
    }

    /// Takes a lane whose time has passed.
    pub(super) fn pop_late(&mut self, now: Timestamp) -> Option<ChatKey> {
        let earliest = self.earliest()?;
        let (at, _) = earliest.first()?;
        if *at <= now { earliest.pop_first().map(|(_, key)| key) } else { None }
    }

    /// The collection with the earliest time. `None` if both are empty.
    fn earliest(&mut self) -> Option<&mut BTreeSet<(Timestamp, ChatKey)>> {
        match (self.urgent.first(), self.others.first()) {
            (None, None) => None,
            (Some((urgent, _)), Some((other, _))) if other < urgent => Some(&mut self.others),
            (None, Some(_)) => Some(&mut self.others),
            (Some(_), _) => Some(&mut self.urgent),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.others.is_empty()
    }

    pub(super) fn has_urgent(&self) -> bool {
        !self.urgent.is_empty()
    }

    /// Keeps the lanes for which `keeps` is true.
    pub(super) fn retain(&mut self, keeps: impl Fn(ChatKey) -> bool) {
        self.urgent.retain(|(_, key)| keeps(*key));
        self.others.retain(|(_, key)| keeps(*key));
    }

    /// Lanes of both sorts, at most `limit` of each.
    pub(super) fn first(&self, limit: usize) -> impl Iterator<Item = &ChatKey> {
        self.urgent.iter().take(limit).chain(self.others.iter().take(limit)).map(|(_, key)| key)
    }
}
