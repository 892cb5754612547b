//! The order of work, in memory: one lane per chat, and the lanes that can be claimed now.
//!
//! Pure: no I/O, and the time is an argument. At most one update of a chat is claimed. Only the first update of a lane
//! is ever claimed, so an update that waits for its retry delays its own chat alone.

mod arrivals;
mod deadlines;
mod lane;
#[cfg(test)]
mod model;
mod schedule;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::delivery::{Claimable, Lease};
use crate::update::{ChatKey, Update, UpdateId};
use arrivals::Arrivals;
use lane::{Held, Item, Lane};
pub(super) use lane::{Stored, Urgency};
use schedule::Schedule;
pub(super) use view::LaneView;

/// An update that was claimed.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) lease: Lease,
    /// The update, if this is its first claim and there was room for it in memory. Otherwise the store must read it.
    pub(super) cached: Option<Box<Update>>,
    /// If there is a number, the store must record the claim before the update is handled.
    pub(super) crash_count: Option<u32>,
}

/// The lanes of all chats that have updates.
#[derive(Debug)]
pub(super) struct Lanes {
    by_chat: HashMap<ChatKey, Lane>,
    schedule: Schedule,
    arrivals: Arrivals,
    open: usize,
    /// The chats whose first update is claimed.
    held: HashSet<ChatKey>,
    last_token: i64,
    cached_bytes: usize,
    cache_limit: usize,
}

impl Lanes {
    /// No lanes. Up to `cache_limit` bytes of update bodies stay in memory until their first claim.
    pub(super) fn new(cache_limit: usize) -> Self {
        Self {
            by_chat: HashMap::new(),
            schedule: Schedule::default(),
            arrivals: Arrivals::default(),
            open: 0,
            held: HashSet::new(),
            last_token: 0,
            cached_bytes: 0,
            cache_limit,
        }
    }

    /// Adds an update that was just accepted to the end of its lane.
    pub(super) fn push(&mut self, update: Update) {
        let (key, id, received_at) = (update.chat_key, update.id, update.received_at);
        let urgency = Urgency::of(key, &update.kind);
        let has_room = self.cached_bytes + update.body.len() <= self.cache_limit;
        let cached = has_room.then(|| {
            self.cached_bytes += update.body.len();
            Box::new(update)
        });
        self.push_item(key, Item { id, received_at, cached, crash_count: None, has_calls: false, urgency }, None);
    }

    /// Adds an update that the store holds to the end of its lane.
    pub(super) fn push_stored(&mut self, stored: Stored) {
        let Stored { key, id, received_at, ready_at, crash_count, has_calls, urgency } = stored;
        self.push_item(key, Item { id, received_at, cached: None, crash_count, has_calls, urgency }, ready_at);
    }

    fn push_item(&mut self, key: ChatKey, item: Item, ready_at: Option<Timestamp>) {
        self.open += 1;
        self.arrivals.add(item.received_at);
        let lane = self.by_chat.entry(key).or_default();
        lane.items.push_back(item);
        if lane.items.len() == 1 {
            lane.ready_at = ready_at;
            self.schedule.push_back(key, lane);
        }
    }

    /// Makes the lanes ready that are due. Lanes whose time to answer has passed are no longer urgent.
    fn promote_due(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.schedule.pop_due(now) {
            if let Some(lane) = self.by_chat.get_mut(&key)
                && lane.held.is_none()
                && lane.ready_at == Some(at)
            {
                lane.ready_at = None;
                self.schedule.push_back(key, lane);
            }
        }
        self.schedule.demote_late(now);
    }

    /// Whether any of these updates can be claimed at `now`.
    pub(super) fn is_ready(&mut self, now: Timestamp, which: Claimable) -> bool {
        self.promote_due(now);
        self.schedule.has_ready(which)
    }

    /// When the next lane that waits will be ready.
    pub(super) fn next_ready_at(&self) -> Option<Timestamp> {
        self.schedule.next_at()
    }

    /// Claims the first update of up to `limit` lanes, each under a lease that ends at `until`.
    pub(super) fn claim(&mut self, now: Timestamp, until: Timestamp, limit: usize, which: Claimable) -> Vec<Claimed> {
        self.promote_due(now);
        let mut claimed = Vec::new();
        while claimed.len() < limit {
            let Some(key) = self.schedule.pop(which) else { break };
            let Some(lane) = self.by_chat.get_mut(&key) else { continue };
            let Some(front) = lane.items.front_mut() else { continue };
            self.last_token += 1;
            let lease = Lease { update_id: front.id, chat_key: key, token: self.last_token };
            lane.held = Some(Held { token: lease.token, until: Some(until) });
            self.held.insert(key);
            let cached = front.cached.take();
            self.cached_bytes -= cached.as_ref().map_or(0, |update| update.body.len());
            claimed.push(Claimed { lease, cached, crash_count: front.crash_count });
        }
        claimed
    }

    /// Whether the lease is valid and no verdict is being recorded for it. If so, the lease cannot end until
    /// [`Lanes::settle`] or [`Lanes::abort_settling`].
    pub(super) fn begin_settling(&mut self, lease: Lease) -> bool {
        self.held_by(lease).is_some_and(|held| held.until.take().is_some())
    }

    /// The verdict could not be recorded: the lease ends at `until` again.
    pub(super) fn abort_settling(&mut self, lease: Lease, until: Timestamp) {
        if let Some(held) = self.held_by(lease) {
            held.until = Some(until);
        }
    }

    /// Extends a lease, if it is valid.
    pub(super) fn extend(&mut self, lease: Lease, until: Timestamp) {
        if let Some(held) = self.held_by(lease)
            && held.until.is_some()
        {
            held.until = Some(until);
        }
    }

    fn held_by(&mut self, lease: Lease) -> Option<&mut Held> {
        self.by_chat.get_mut(&lease.chat_key)?.held.as_mut().filter(|held| held.token == lease.token)
    }

    /// Ends the claim of this lease; `None` if the lease is not valid.
    fn end_claim(&mut self, lease: Lease) -> Option<&mut Lane> {
        let lane = self.by_chat.get_mut(&lease.chat_key)?;
        lane.held.take_if(|held| held.token == lease.token)?;
        self.held.remove(&lease.chat_key);
        self.schedule.end_claim(lease.chat_key);
        Some(lane)
    }

    /// Ends a lease, if it is valid. The update can be claimed again from `retry_at` on; without one it leaves its
    /// lane.
    pub(super) fn settle(&mut self, lease: Lease, retry_at: Option<Timestamp>) {
        let key = lease.chat_key;
        let Some(lane) = self.end_claim(lease) else { return };
        lane.ready_at = retry_at;
        let gone = if retry_at.is_none() { lane.items.pop_front() } else { None };
        if retry_at.is_some()
            && let Some(front) = lane.items.front_mut()
        {
            // The attempt ended, and not with a crash.
            front.crash_count = None;
        }
        if lane.items.is_empty() {
            self.by_chat.remove(&key);
        } else {
            self.schedule.push_back(key, &self.by_chat[&key]);
        }
        if let Some(item) = gone {
            self.open -= 1;
            self.arrivals.remove(item.received_at);
        }
    }

    /// Notes that the claimed update has been handled and that calls of it are left. [`Lanes::settle`] follows.
    pub(super) fn keep_calls(&mut self, lease: Lease) {
        if self.held_by(lease).is_some()
            && let Some(front) = self.by_chat.get_mut(&lease.chat_key).and_then(|lane| lane.items.front_mut())
        {
            front.has_calls = true;
        }
    }

    /// Puts a claimed update back as it was before the claim. Returns whether the lease was valid.
    pub(super) fn release(&mut self, lease: Lease) -> bool {
        if self.end_claim(lease).is_none() {
            return false;
        }
        self.schedule.push_front(lease.chat_key, &self.by_chat[&lease.chat_key]);
        true
    }

    /// Puts every update back whose lease has ended. Returns their number.
    pub(super) fn release_lapsed(&mut self, now: Timestamp) -> usize {
        let lapsed: Vec<_> = self
            .held
            .iter()
            .filter_map(|key| {
                let lane = self.by_chat.get(key)?;
                let held = lane.held.filter(|held| held.until.is_some_and(|until| until <= now))?;
                Some(Lease { update_id: lane.items.front()?.id, chat_key: *key, token: held.token })
            })
            .collect();
        lapsed.iter().filter(|lease| self.release(**lease)).count()
    }

    /// The number of updates that wait or are claimed.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// The number of claimed updates.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// When the oldest update that waits or is claimed was accepted, to the millisecond.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.arrivals.oldest()
    }

    /// Removes an update from its lane, unless it is claimed. Returns whether it was removed.
    pub(super) fn withdraw(&mut self, key: ChatKey, id: UpdateId) -> bool {
        let Some(lane) = self.by_chat.get_mut(&key) else { return false };
        let Some(index) = lane.items.iter().position(|item| item.id == id) else { return false };
        if index == 0 && lane.held.is_some() {
            return false;
        }
        let waited = index == 0 && lane.ready_at.take().is_some();
        if let Some(item) = lane.items.remove(index) {
            self.open -= 1;
            self.arrivals.remove(item.received_at);
        }
        if index == 0 && !waited {
            self.schedule.remove(key);
        }
        if lane.items.is_empty() {
            self.by_chat.remove(&key);
        } else if index == 0 {
            // Another update is first now, and is ready.
            self.schedule.push_back(key, lane);
        }
        true
    }

    /// The updates that wait to be handled.
    pub(super) fn unhandled(&self) -> Vec<UpdateId> {
        self.by_chat.values().flat_map(Lane::unhandled).map(|item| item.id).collect()
    }

    /// Removes the updates that wait to be handled.
    pub(super) fn remove_unhandled(&mut self) {
        let mut changed = Vec::new();
        for (key, lane) in &mut self.by_chat {
            for item in lane.unhandled() {
                self.open -= 1;
                self.arrivals.remove(item.received_at);
                self.cached_bytes -= item.cached.as_ref().map_or(0, |update| update.body.len());
            }
            let held = if lane.held.is_some() { lane.items.pop_front() } else { None };
            let first_stays = held.is_some() || lane.items.front().is_some_and(|item| item.has_calls);
            lane.items.retain(|item| item.has_calls);
            if let Some(held) = held {
                lane.items.push_front(held);
            }
            if !first_stays {
                lane.ready_at = None;
                changed.push(*key);
            }
        }
        self.schedule.remove_all(&changed);
        self.by_chat.retain(|_, lane| !lane.items.is_empty());
        for key in changed {
            // Another update is first now, and is ready.
            if let Some(lane) = self.by_chat.get(&key) {
                self.schedule.push_back(key, lane);
            }
        }
    }
}
