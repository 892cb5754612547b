//! The updates Telegram keeps for the bot, and which of them may be sent now: strictly one at a
//! time in each queue, the queue that may go first first.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use jiff::Timestamp;

use super::queue::Failures;
use crate::clock;

/// When so many wait, new updates are discarded silently (`TQueue.cpp`: `push`).
const MOST: usize = 100_000;
/// So do they when so many bytes wait.
const MOST_BYTES: usize = 128 << 20;
/// A larger update is never queued.
const LARGEST: usize = 512 << 10;
/// Ids stay below this; then the queue is emptied and begins anew.
const LAST_ID: i64 = 2_000_000_000;
/// Queues for updates that wait for nobody are numbered from here.
const OWN_QUEUES: i64 = 1 << 60;

/// An update that is not acknowledged yet.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) kind: String,
    /// The value of the update's one field, as bytes of JSON.
    pub(super) content: Bytes,
    pub(super) queue: i64,
    pub(super) chat: Option<i64>,
    /// The last second of Unix time at which it is delivered.
    pub(super) expires_at: i64,
    pub(super) attempts: u32,
}

impl Stored {
    /// The whole update, as the body of a request.
    pub(super) fn body(&self, id: i64) -> Vec<u8> {
        let mut body = format!("{{\"update_id\":{id},\n\"{}\":", self.kind).into_bytes();
        body.extend_from_slice(&self.content);
        body.push(b'}');
        body
    }
}

/// A loaded queue: its updates in order, and what the first of them has been through.
#[derive(Debug)]
struct Lane {
    ids: VecDeque<(i64, Timestamp)>,
    failures: Failures,
}

/// Every update that waits.
#[derive(Debug)]
pub(super) struct Backlog {
    next_id: i64,
    bytes: usize,
    updates: BTreeMap<i64, Stored>,
    lanes: HashMap<i64, Lane>,
    /// Lanes with nothing in flight, by the moment at which they may go.
    ready: BTreeSet<(Timestamp, i64)>,
    /// Updates from here on are not loaded.
    cursor: i64,
    own_queues: i64,
}

/// What became of an update after an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It left: acknowledged, or dropped because its life would end before the next attempt.
    Gone,
    /// It is tried again.
    Kept,
}

impl Backlog {
    /// Nothing waits; the first update will have this id.
    pub(super) fn new(first_id: i64) -> Self {
        Self {
            next_id: first_id,
            bytes: 0,
            updates: BTreeMap::new(),
            lanes: HashMap::new(),
            ready: BTreeSet::new(),
            cursor: 0,
            own_queues: OWN_QUEUES,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    pub(super) fn loaded_queues(&self) -> usize {
        self.lanes.len()
    }

    /// Keeps an update; none if it is too large or too much waits already.
    pub(super) fn push(&mut self, update: Stored) -> Option<i64> {
        let size = update.content.len();
        if size > LARGEST || self.updates.len() >= MOST || self.bytes + size > MOST_BYTES {
            return None;
        }
        if self.next_id >= LAST_ID {
            self.clear();
            self.next_id = first_id();
        }
        let id = self.next_id;
        self.next_id += 1;
        self.bytes += size;
        self.updates.insert(id, update);
        Some(id)
    }

    /// Loads updates in the order of their ids until `window` queues are loaded.
    pub(super) fn load(&mut self, now: Timestamp, window: usize) {
        while self.lanes.len() < window {
            let Some((&id, update)) = self.updates.range(self.cursor..).next() else { return };
            self.cursor = id + 1;
            if update.expires_at < now.as_second() {
                self.remove(id);
                continue;
            }
            let queue = if update.queue == 0 {
                self.own_queues += 1;
                self.own_queues
            } else {
                update.queue
            };
            let ready = &mut self.ready;
            let lane = self.lanes.entry(queue).or_insert_with(|| {
                ready.insert((now, queue));
                Lane { ids: VecDeque::new(), failures: Failures::default() }
            });
            lane.ids.push_back((id, now));
        }
    }

    /// The queue that may go now and its first update; the queue is then in flight until settled.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<(i64, i64, &Stored)> {
        let (_, queue) = self.ready.first().copied().filter(|(at, _)| *at <= now)?;
        self.ready.pop_first();
        let (id, _) = *self.lanes.get(&queue)?.ids.front()?;
        let update = self.updates.get_mut(&id)?;
        update.attempts += 1;
        Some((queue, id, update))
    }

    /// How many queues may go now, `enough` at most, and when the next may if there are not enough.
    pub(super) fn due(&self, now: Timestamp, enough: usize) -> (usize, Option<Timestamp>) {
        let due = self.ready.iter().take(enough).take_while(|(at, _)| *at <= now).count();
        (due, self.ready.iter().nth(due).map(|(at, _)| *at).filter(|at| *at > now))
    }

    /// The update in flight in that queue was acknowledged.
    pub(super) fn acknowledged(&mut self, queue: i64) -> Settled {
        let Some(lane) = self.lanes.get_mut(&queue) else { return Settled::Gone };
        let gone = lane.ids.pop_front();
        lane.failures = Failures::default();
        match lane.ids.front() {
            Some((_, loaded_at)) => drop(self.ready.insert((*loaded_at, queue))),
            None => drop(self.lanes.remove(&queue)),
        }
        if let Some((id, _)) = gone {
            self.remove(id);
        }
        Settled::Gone
    }

    /// The update in flight in that queue failed: it waits and is tried again, or it is dropped if
    /// its life ends before that.
    pub(super) fn failed(&mut self, queue: i64, now: Timestamp, retry_after: u64, longest: u64) -> Settled {
        let Some(lane) = self.lanes.get_mut(&queue) else { return Settled::Gone };
        let wait = lane.failures.wait(retry_after, longest);
        let at = clock::later(now, wait);
        let expires_at = lane.ids.front().and_then(|(id, _)| self.updates.get(id)).map_or(0, |u| u.expires_at);
        if now.as_second().saturating_add_unsigned(wait.as_secs()) > expires_at {
            return self.acknowledged(queue);
        }
        self.ready.insert((at, queue));
        Settled::Kept
    }

    /// Forgets what was loaded and what is in flight: the next sender begins from the first update.
    pub(super) fn unload(&mut self) {
        self.lanes.clear();
        self.ready.clear();
        self.cursor = 0;
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.unload();
        self.updates.clear();
        self.bytes = 0;
    }

    /// Drops what has expired and is not loaded.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let unloaded = self.updates.range(self.cursor..);
        let expired: Vec<i64> = unloaded.filter(|(_, u)| u.expires_at < now.as_second()).map(|(id, _)| *id).collect();
        for id in expired {
            self.remove(id);
        }
    }

    /// Confirms every update before `offset`; a negative offset counts from the end.
    pub(super) fn confirm(&mut self, offset: i64) {
        let from = if offset < 0 { self.next_id.saturating_add(offset) } else { offset };
        while let Some(first) = self.updates.first_key_value().map(|(id, _)| *id).filter(|id| *id < from) {
            self.remove(first);
        }
    }

    /// The first updates, for `getUpdates`.
    pub(super) fn first(&self, limit: usize) -> impl Iterator<Item = (i64, &Stored)> {
        self.updates.iter().take(limit).map(|(id, update)| (*id, update))
    }

    fn remove(&mut self, id: i64) {
        if let Some(update) = self.updates.remove(&id) {
            self.bytes -= update.content.len();
        }
    }
}

/// Where the ids of a new queue begin.
pub(super) fn first_id() -> i64 {
    rand::random_range(2_000_001..1_000_000_000)
}

#[cfg(test)]
mod tests;
