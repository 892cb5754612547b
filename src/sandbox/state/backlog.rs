//! The updates that Telegram stores for the bot, and which of them can be sent now: one at a time in each
//! queue, in the order in which the queues became ready.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::queue::{self, RetryDelay};
use crate::clock;

/// When this many updates are pending, new ones are discarded silently (`TQueue.cpp`: `push`).
const MAX_UPDATES: usize = 100_000;
/// The same limit in bytes.
const MAX_BYTES: usize = 128 << 20;
/// A larger update is never queued.
const MAX_UPDATE_BYTES: usize = 512 << 10;
/// Ids remain below this one. Then all updates are dropped and a new sequence begins.
const ID_LIMIT: i64 = 2_000_000_000;
/// An update that needs no order gets a queue of its own, numbered from here.
const OWN_QUEUES: i64 = 1 << 60;

/// An update that is not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct PendingUpdate {
    pub(crate) kind: String,
    /// The value of the update's one field, as JSON.
    pub(crate) content: Bytes,
    pub(crate) queue: i64,
    pub(crate) chat: Option<i64>,
    /// The last second of Unix time in which it is delivered.
    pub(crate) expires_at: i64,
    pub(crate) attempts: u32,
}

impl PendingUpdate {
    /// An update whose JSON is `bytes`. `content` needs only the fields that decide its queue and lifetime.
    pub(crate) fn new(now: Timestamp, kind: &str, content: &Value, bytes: Bytes) -> Self {
        let chat = content.pointer("/chat/id").or_else(|| content.pointer("/message/chat/id"));
        Self {
            kind: kind.to_owned(),
            content: bytes,
            queue: queue::key(kind, content),
            chat: chat.and_then(Value::as_i64),
            expires_at: queue::expires_at(kind, content, now),
            attempts: 0,
        }
    }

    /// The body of the request that delivers it.
    pub(crate) fn body(&self, id: i64) -> Vec<u8> {
        let mut body = format!("{{\"update_id\":{id},\n\"{}\":", self.kind).into_bytes();
        body.extend_from_slice(&self.content);
        body.push(b'}');
        body
    }
}

/// A loaded queue.
#[derive(Debug, Default)]
struct Lane {
    /// Its updates in order, each with the time at which it was loaded.
    ids: VecDeque<(i64, Timestamp)>,
    /// The retry delay of the first update.
    retry: RetryDelay,
}

/// Every pending update.
#[derive(Debug)]
pub(crate) struct Backlog {
    next_id: i64,
    bytes: usize,
    updates: BTreeMap<i64, PendingUpdate>,
    lanes: HashMap<i64, Lane>,
    /// Lanes without an update in flight, by the time from which they can send.
    ready: BTreeSet<(Timestamp, i64)>,
    /// The first id that is not loaded.
    cursor: i64,
    /// The number of the latest queue for a single update.
    own_queue: i64,
}

impl Default for Backlog {
    fn default() -> Self {
        Self::new(random_first_id())
    }
}

impl Backlog {
    /// An empty backlog whose first update gets this id.
    fn new(first_id: i64) -> Self {
        Self {
            next_id: first_id,
            bytes: 0,
            updates: BTreeMap::new(),
            lanes: HashMap::new(),
            ready: BTreeSet::new(),
            cursor: 0,
            own_queue: OWN_QUEUES,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.updates.len()
    }

    pub(crate) fn loaded_queues(&self) -> usize {
        self.lanes.len()
    }

    /// Adds an update and returns its id. Returns none if it is too large or too many are pending.
    pub(crate) fn push(&mut self, update: PendingUpdate) -> Option<i64> {
        let size = update.content.len();
        if size > MAX_UPDATE_BYTES || self.updates.len() >= MAX_UPDATES || self.bytes + size > MAX_BYTES {
            return None;
        }
        if self.next_id >= ID_LIMIT {
            self.clear();
            self.next_id = random_first_id();
        }
        let id = self.next_id;
        self.next_id += 1;
        self.bytes += size;
        self.updates.insert(id, update);
        Some(id)
    }

    /// Adds an update again that was acknowledged, with its id. Returns whether it was added: one that is pending is not.
    pub(crate) fn push_again(&mut self, now: Timestamp, id: i64, update: PendingUpdate) -> bool {
        if self.updates.contains_key(&id) || self.updates.len() >= MAX_UPDATES {
            return false;
        }
        self.bytes += update.content.len();
        let queue = update.queue;
        self.updates.insert(id, update);
        // If it was passed by already, `load` does not find it.
        if id < self.cursor {
            self.enqueue(now, id, queue);
        }
        true
    }

    /// Loads updates in the order of their ids until `window` queues are loaded.
    pub(crate) fn load(&mut self, now: Timestamp, window: usize) {
        while self.lanes.len() < window {
            let Some((&id, update)) = self.updates.range(self.cursor..).next() else { return };
            self.cursor = id + 1;
            if update.expires_at < now.as_second() {
                self.remove(id);
                continue;
            }
            let queue = update.queue;
            self.enqueue(now, id, queue);
        }
    }

    /// Adds an update to its loaded queue, or to a queue of its own if it needs no order.
    fn enqueue(&mut self, now: Timestamp, id: i64, queue: i64) {
        let queue = if queue == 0 {
            self.own_queue += 1;
            self.own_queue
        } else {
            queue
        };
        let ready = &mut self.ready;
        let lane = self.lanes.entry(queue).or_insert_with(|| {
            ready.insert((now, queue));
            Lane::default()
        });
        lane.ids.push_back((id, now));
    }

    /// Takes a ready queue: its number, and the id and content of its first update. The queue is in flight until
    /// [`acknowledge`](Self::acknowledge) or [`retry_later`](Self::retry_later).
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<(i64, i64, &PendingUpdate)> {
        let (_, queue) = self.ready.first().copied().filter(|(at, _)| *at <= now)?;
        self.ready.pop_first();
        let (id, _) = *self.lanes.get(&queue)?.ids.front()?;
        let update = self.updates.get_mut(&id)?;
        update.attempts += 1;
        Some((queue, id, update))
    }

    /// How many queues are ready, at most `limit`, and when the next one is ready if there are fewer.
    pub(crate) fn count_ready(&self, now: Timestamp, limit: usize) -> (usize, Option<Timestamp>) {
        let count = self.ready.iter().take(limit).take_while(|(at, _)| *at <= now).count();
        (count, self.ready.iter().nth(count).map(|(at, _)| *at).filter(|at| *at > now))
    }

    /// Removes the update in flight in this queue.
    pub(crate) fn acknowledge(&mut self, queue: i64) {
        let Some(lane) = self.lanes.get_mut(&queue) else { return };
        let removed = lane.ids.pop_front();
        lane.retry = RetryDelay::default();
        match lane.ids.front() {
            Some((_, loaded_at)) => drop(self.ready.insert((*loaded_at, queue))),
            None => drop(self.lanes.remove(&queue)),
        }
        if let Some((id, _)) = removed {
            self.remove(id);
        }
    }

    /// Schedules another attempt for the update in flight in this queue, after at most `max_delay` seconds. The
    /// update is dropped if it expires before that. Returns when it is retried.
    pub(crate) fn retry_later(
        &mut self,
        queue: i64,
        now: Timestamp,
        retry_after: u64,
        max_delay: u64,
    ) -> Option<Timestamp> {
        let lane = self.lanes.get_mut(&queue)?;
        let delay = lane.retry.next(retry_after, max_delay);
        let expires_at = lane.ids.front().and_then(|(id, _)| self.updates.get(id)).map_or(0, |u| u.expires_at);
        if now.as_second().saturating_add_unsigned(delay.as_secs()) > expires_at {
            self.acknowledge(queue);
            return None;
        }
        let next_at = clock::later(now, delay);
        self.ready.insert((next_at, queue));
        Some(next_at)
    }

    /// Unloads all queues, those in flight included. The next sender begins with the first update.
    pub(crate) fn unload(&mut self) {
        self.lanes.clear();
        self.ready.clear();
        self.cursor = 0;
    }

    /// Drops all updates.
    pub(crate) fn clear(&mut self) {
        self.unload();
        self.updates.clear();
        self.bytes = 0;
    }

    /// Drops expired updates that are not loaded.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        let unloaded = self.updates.range(self.cursor..);
        let expired: Vec<i64> = unloaded.filter(|(_, u)| u.expires_at < now.as_second()).map(|(id, _)| *id).collect();
        for id in expired {
            self.remove(id);
        }
    }

    /// Confirms every update before `offset`; a negative offset counts from the end.
    pub(crate) fn confirm(&mut self, offset: i64) {
        let from = if offset < 0 { self.next_id.saturating_add(offset) } else { offset };
        while let Some(first) = self.updates.first_key_value().map(|(id, _)| *id).filter(|id| *id < from) {
            self.remove(first);
        }
    }

    /// The first updates, for `getUpdates`.
    pub(crate) fn first(&self, limit: usize) -> impl Iterator<Item = (i64, &PendingUpdate)> {
        self.updates.iter().take(limit).map(|(id, update)| (*id, update))
    }

    fn remove(&mut self, id: i64) {
        if let Some(update) = self.updates.remove(&id) {
            self.bytes -= update.content.len();
        }
    }
}

/// The first id of a new sequence.
fn random_first_id() -> i64 {
    rand::random_range(2_000_001..1_000_000_000)
}

#[cfg(test)]
mod tests;
