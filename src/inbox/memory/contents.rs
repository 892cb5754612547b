//! What the memory store holds: open updates, dead-letter updates bounded in number and in bytes, and what is left of
//! updates that ended.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::super::record::{Record, Selection, UpdateState};
use super::super::verdict::{Verdict, VerdictKind};
use super::ended::Ended;
use crate::telegram::Call;
use crate::update::{Update, UpdateId};

/// The most dead-letter updates. No operator's command reaches this process, so they must not fill its memory: the
/// oldest is dropped. The log says what happened to each.
const MAX_UPDATES: usize = 1_000;
/// The most bytes of their bodies.
const MAX_BYTES: usize = 16 << 20;

/// An update that waits, is claimed, or is a dead-letter update.
pub(super) struct OpenUpdate {
    pub(super) update: Update,
    pub(super) attempts: u32,
    /// Whether the operator has put it back.
    pub(super) revived: bool,
    pub(super) reason: Option<String>,
    pub(super) calls_left: Option<Vec<Call>>,
    /// Requests that acknowledge the update when it has been handled.
    pub(super) requests: Vec<oneshot::Sender<()>>,
}

impl OpenUpdate {
    /// Reports to all requests that the update has been handled.
    pub(super) fn acknowledge(&mut self) {
        for request in self.requests.drain(..) {
            // A request whose client has disconnected no longer waits.
            let _ = request.send(());
        }
    }

    /// The update for the operator, in this state, with its content.
    pub(super) fn record(&self, state: UpdateState) -> Record {
        Record {
            body: Some(String::from_utf8_lossy(&self.update.body).into_owned()),
            calls_left: self.calls_left.clone(),
            ..self.outline(state)
        }
    }

    /// The update for the operator, in this state, without its content.
    pub(super) fn outline(&self, state: UpdateState) -> Record {
        Record {
            id: self.update.id,
            kind: self.update.kind.clone(),
            chat_key: self.update.chat_key.to_string(),
            state,
            received_at: self.update.received_at,
            expires_at: Some(self.update.expires_at),
            next_attempt_at: None,
            ended_at: None,
            attempts: self.attempts,
            reason: self.reason.clone(),
            body: None,
            calls_left: None,
        }
    }
}

#[derive(Default)]
pub(super) struct Contents {
    /// Updates that wait or are claimed.
    pub(super) open: BTreeMap<UpdateId, OpenUpdate>,
    pub(super) dead: DeadLetters,
    pub(super) ended: Ended,
}

impl Contents {
    /// Whether an update of this id was accepted and is not open any more.
    pub(super) fn has_ended(&self, id: UpdateId) -> bool {
        self.ended.contains(id) || self.dead.get(id).is_some()
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
                let state = if kind == VerdictKind::Done { UpdateState::Done } else { UpdateState::Expired };
                self.end(&open, state, now);
            }
            VerdictKind::Dead => {
                open.acknowledge();
                for dropped in self.dead.add(open) {
                    self.end(&dropped, UpdateState::Discarded, now);
                }
            }
            VerdictKind::Retry | VerdictKind::Postponed | VerdictKind::CallsLeft | VerdictKind::Released => {
                self.open.insert(id, open);
            }
        }
    }

    /// Drops an update that waits. Telegram must not deliver it again, so its requests are acknowledged.
    pub(super) fn drop_open(&mut self, id: UpdateId, now: Timestamp) {
        if let Some(mut open) = self.open.remove(&id) {
            open.acknowledge();
            self.end(&open, UpdateState::Discarded, now);
        }
    }

    /// Keeps what is left of an update that ended.
    pub(super) fn end(&mut self, update: &OpenUpdate, state: UpdateState, now: Timestamp) {
        self.ended.add(Record { reason: None, ..update.outline(state) }, now);
    }

    /// Drops the oldest dead-letter update, if there is one. Its id stays known.
    pub(super) fn drop_oldest_dead(&mut self, now: Timestamp) {
        if let Some(dropped) = self.dead.drop_oldest() {
            self.end(&dropped, UpdateState::Discarded, now);
        }
    }
}

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
    pub(super) fn add(&mut self, update: OpenUpdate) -> Vec<OpenUpdate> {
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

    /// Drops the oldest update and returns it.
    pub(super) fn drop_oldest(&mut self) -> Option<OpenUpdate> {
        let oldest = *self.by_age.first_key_value()?.1;
        self.remove(oldest)
    }

    fn remove(&mut self, id: UpdateId) -> Option<OpenUpdate> {
        let (age, removed) = self.by_id.remove(&id)?;
        self.by_age.remove(&age);
        self.bytes -= removed.update.body.len();
        Some(removed)
    }

    pub(super) fn get(&self, id: UpdateId) -> Option<&OpenUpdate> {
        self.by_id.get(&id).map(|(_, update)| update)
    }

    /// The ids, in no order.
    pub(super) fn ids(&self) -> impl Iterator<Item = UpdateId> {
        self.by_id.keys().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The selected updates, the oldest first.
    pub(super) fn selected(&self, which: &Selection) -> impl Iterator<Item = &OpenUpdate> {
        let updates = self.by_age.values().filter_map(|id| self.get(*id));
        updates.filter(|update| which.includes(update.update.id, update.reason.as_deref()))
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
        OpenUpdate { update, attempts: 8, revived: false, reason: None, calls_left: None, requests: Vec::new() }
    }

    #[test]
    fn dead_letter_updates_are_bounded_in_number_and_bytes_and_the_oldest_are_dropped() {
        let mut letters = DeadLetters::default();
        let dropped = (0..1_010).flat_map(|id| letters.add(dead(id, 0)));
        let dropped: Vec<UpdateId> = dropped.map(|update| update.update.id).collect();
        assert_eq!((dropped, letters.len()), ((0..10).map(UpdateId).collect(), 1_000));
        for id in 2_000..2_100 {
            letters.add(dead(id, 1 << 20));
        }
        assert_eq!(letters.len(), 15);
        assert!(letters.get(UpdateId(2_099)).is_some() && letters.get(UpdateId(2_000)).is_none());
        assert_eq!(letters.take(&Selection::All).len(), 15);
        assert_eq!(letters.bytes, 0);
    }
}
