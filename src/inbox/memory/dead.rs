use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::super::Selection;
use super::Open;
use crate::update::UpdateId;

/// How many dead updates are kept at most, and how many bytes of what was in them. No operator's command reaches
/// this process, so they must not fill it up: the oldest goes. The log has said what became of each.
const MOST: usize = 1_000;
const BYTES: usize = 16 << 20;

/// Updates that were given up.
#[derive(Default)]
pub(super) struct Dead {
    by_id: HashMap<UpdateId, (Place, Open)>,
    /// The same by when they arrived, and of one moment the first that died.
    in_order: BTreeMap<Place, UpdateId>,
    died: u64,
    bytes: usize,
}

type Place = (Timestamp, u64);

impl Dead {
    /// Keeps one; says which had to go for it.
    pub(super) fn bury(&mut self, open: Open) -> Vec<UpdateId> {
        self.died += 1;
        let (id, place) = (open.update.id, (open.update.received_at, self.died));
        self.bytes += open.update.body.len();
        self.in_order.insert(place, id);
        self.by_id.insert(id, (place, open));
        let mut gone = Vec::new();
        while self.len() > MOST || self.bytes > BYTES {
            gone.extend(self.make_room());
        }
        gone
    }

    /// Lets the oldest go; says which.
    pub(super) fn make_room(&mut self) -> Option<UpdateId> {
        let oldest = *self.in_order.first_key_value()?.1;
        self.dig_up(oldest).map(|open| open.update.id)
    }

    fn dig_up(&mut self, id: UpdateId) -> Option<Open> {
        let (place, open) = self.by_id.remove(&id)?;
        self.in_order.remove(&place);
        self.bytes -= open.update.body.len();
        Some(open)
    }

    pub(super) fn has(&self, id: UpdateId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Those that are meant, the oldest first.
    pub(super) fn of(&self, which: &Selection) -> impl Iterator<Item = &Open> {
        let ids = self.in_order.values().filter(|id| which.includes(**id));
        ids.filter_map(|id| self.by_id.get(id)).map(|(_, open)| open)
    }

    /// Takes those that are meant, the oldest first.
    pub(super) fn take(&mut self, which: &Selection) -> Vec<Open> {
        let ids: Vec<_> = self.of(which).map(|open| open.update.id).collect();
        ids.into_iter().filter_map(|id| self.dig_up(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::update::Update;

    fn open(id: i64, bytes: usize) -> Open {
        let body = format!(r#"{{"update_id":{id},"message":{{"text":"{}"}}}}"#, "a".repeat(bytes));
        let update = Update::read(Bytes::from(body), Timestamp::UNIX_EPOCH).unwrap();
        Open { update, attempts: 8, reason: None, calls_left: None, waiting: Vec::new() }
    }

    #[test]
    fn dead_updates_are_bounded_in_number_and_in_bytes_and_the_oldest_go() {
        let mut dead = Dead::default();
        let gone: Vec<UpdateId> = (0..1_010).flat_map(|id| dead.bury(open(id, 0))).collect();
        assert_eq!((gone, dead.len()), ((0..10).map(UpdateId).collect(), 1_000));
        for id in 2_000..2_100 {
            dead.bury(open(id, 1 << 20));
        }
        assert_eq!(dead.len(), 15);
        assert!(dead.has(UpdateId(2_099)) && !dead.has(UpdateId(2_000)));
        assert_eq!(dead.take(&Selection::All).len(), 15);
        assert_eq!(dead.bytes, 0);
    }
}
