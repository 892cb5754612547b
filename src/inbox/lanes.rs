//! The order of work, in memory: one lane per chat, and which lanes may be served now.
//!
//! Pure: it does no I/O and is told the time. Of every chat at most one update is held; only the
//! front of a lane is ever given out, so what waits for its retry holds back its own chat alone.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};

use jiff::Timestamp;

use super::Lease;
use super::arrivals::Arrivals;
use crate::update::{ChatKey, Update, UpdateId};

/// An update whose turn has come, under its lease.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) lease: Lease,
    /// The update, if this is its first claim and there was room for it in memory; otherwise it is
    /// read from where it is kept.
    pub(super) fresh: Option<Box<Update>>,
    /// As in [`Item`].
    pub(super) deaths: Option<u32>,
}

/// What a settled attempt does to its lane.
#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    /// The update has left the lane.
    Gone,
    /// It stays in front, to be given out again from `at` on.
    Again { at: Timestamp },
}

#[derive(Debug)]
struct Item {
    id: UpdateId,
    received_at: Timestamp,
    fresh: Option<Box<Update>>,
    /// How often a process died that had it in hand; none when it is above suspicion. Where there is a
    /// number, whoever claims it writes that down first.
    deaths: Option<u32>,
}

#[derive(Debug, Default)]
struct Lane {
    items: VecDeque<Item>,
    /// The lease on the front, while it is held.
    held: Option<Held>,
    /// From when on the front may be given out; none means now.
    due_at: Option<Timestamp>,
}

impl Lane {
    /// How often a process may have died of the front, which then is a suspect.
    fn deaths(&self) -> u32 {
        self.items.front().and_then(|item| item.deaths).unwrap_or(0)
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    token: i64,
    /// None once settling is under way: it does not lapse any more.
    until: Option<Timestamp>,
}

/// The lanes of all chats that have something to do.
#[derive(Debug)]
pub(super) struct Lanes {
    by_chat: HashMap<ChatKey, Lane>,
    /// Lanes whose front may be given out now; each is here once.
    ready: VecDeque<ChatKey>,
    /// The like, whose front is a suspect: the least suspected first. One suspect at a time is given
    /// out, so that the next death tells which it was.
    suspects: BTreeSet<(u32, ChatKey)>,
    suspect_held: Option<ChatKey>,
    /// Lanes whose front waits. An entry that its lane no longer agrees with is void.
    later: BinaryHeap<Reverse<(Timestamp, ChatKey)>>,
    open: usize,
    arrivals: Arrivals,
    held: usize,
    last_token: i64,
    /// Bytes of bodies in memory, and how many there may be.
    fresh_bytes: usize,
    fresh_limit: usize,
}

impl Lanes {
    /// No lanes; up to `fresh_limit` bytes of bodies are held in memory.
    pub(super) fn new(fresh_limit: usize) -> Self {
        Self {
            by_chat: HashMap::new(),
            ready: VecDeque::new(),
            suspects: BTreeSet::new(),
            suspect_held: None,
            later: BinaryHeap::new(),
            open: 0,
            arrivals: Arrivals::default(),
            held: 0,
            last_token: 0,
            fresh_bytes: 0,
            fresh_limit,
        }
    }

    /// Puts an update at the end of its lane.
    pub(super) fn push(&mut self, update: Update) {
        let (key, id, received_at) = (update.chat_key, update.id, update.received_at);
        let room = self.fresh_bytes + update.body.len() <= self.fresh_limit;
        let fresh = room.then(|| {
            self.fresh_bytes += update.body.len();
            Box::new(update)
        });
        self.push_item(key, Item { id, received_at, fresh, deaths: None }, None);
    }

    /// Puts an update that is kept elsewhere at the end of its lane; it waits until `due_at`.
    pub(super) fn push_kept(&mut self, key: ChatKey, id: UpdateId, received_at: Timestamp, due_at: Option<Timestamp>) {
        self.push_item(key, Item { id, received_at, fresh: None, deaths: None }, due_at);
    }

    /// The same, of one that a process may have died of so many times.
    pub(super) fn push_unsure(
        &mut self,
        key: ChatKey,
        id: UpdateId,
        received_at: Timestamp,
        due_at: Option<Timestamp>,
        deaths: u32,
    ) {
        self.push_item(key, Item { id, received_at, fresh: None, deaths: Some(deaths) }, due_at);
    }

    fn push_item(&mut self, key: ChatKey, item: Item, due_at: Option<Timestamp>) {
        self.open += 1;
        self.arrivals.add(item.received_at);
        let lane = self.by_chat.entry(key).or_default();
        lane.items.push_back(item);
        if lane.items.len() == 1 {
            lane.due_at = due_at;
            self.line_up(key);
        }
    }

    /// Lines a lane up for its front to be given out, now or later.
    fn line_up(&mut self, key: ChatKey) {
        let Some(lane) = self.by_chat.get(&key) else { return };
        match (lane.due_at, lane.deaths()) {
            (Some(at), _) => self.later.push(Reverse((at, key))),
            (None, 0) => self.ready.push_back(key),
            (None, deaths) => drop(self.suspects.insert((deaths, key))),
        }
    }

    /// The next lane whose front may be given out.
    fn next_ready(&mut self) -> Option<ChatKey> {
        let suspect = if self.suspect_held.is_none() { self.suspects.pop_first() } else { None };
        suspect.map(|(_, key)| key).or_else(|| self.ready.pop_front())
    }

    /// Moves lanes whose moment has come to those that are ready.
    fn ripen(&mut self, now: Timestamp) {
        while let Some(Reverse((at, key))) = self.later.peek().copied() {
            if at > now {
                break;
            }
            self.later.pop();
            if let Some(lane) = self.by_chat.get_mut(&key)
                && lane.held.is_none()
                && lane.due_at == Some(at)
            {
                lane.due_at = None;
                self.line_up(key);
            }
        }
    }

    /// Whether anything can be claimed at `now`.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        self.ripen(now);
        !self.ready.is_empty() || (self.suspect_held.is_none() && !self.suspects.is_empty())
    }

    /// The moment at which the next lane that waits will be ready.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.later.peek().map(|Reverse((at, _))| *at)
    }

    /// Gives out the fronts of up to `limit` lanes, each under a lease until `until`.
    pub(super) fn claim(&mut self, now: Timestamp, until: Timestamp, limit: usize) -> Vec<Claimed> {
        self.ripen(now);
        let mut claimed = Vec::with_capacity(limit.min(self.ready.len()));
        while claimed.len() < limit {
            let Some(key) = self.next_ready() else { break };
            let Some(lane) = self.by_chat.get_mut(&key) else { continue };
            let Some(front) = lane.items.front_mut() else { continue };
            self.last_token += 1;
            let lease = Lease { update_id: front.id, chat_key: key, token: self.last_token };
            lane.held = Some(Held { token: lease.token, until: Some(until) });
            self.held += 1;
            let fresh = front.fresh.take();
            self.fresh_bytes -= fresh.as_ref().map_or(0, |update| update.body.len());
            let deaths = front.deaths;
            if deaths.is_some_and(|deaths| deaths > 0) {
                self.suspect_held = Some(key);
            }
            claimed.push(Claimed { lease, fresh, deaths });
        }
        claimed
    }

    /// Whether the lease still stands and is not being settled already; from here on it does not
    /// lapse, for settling is under way.
    pub(super) fn begin_settling(&mut self, lease: Lease) -> bool {
        self.held_by(lease).is_some_and(|held| held.until.take().is_some())
    }

    /// Prolongs a lease that still stands.
    pub(super) fn extend(&mut self, lease: Lease, until: Timestamp) {
        if let Some(held) = self.held_by(lease)
            && held.until.is_some()
        {
            held.until = Some(until);
        }
    }

    /// Undoes [`Self::begin_settling`]: the attempt could not be recorded.
    pub(super) fn end_settling(&mut self, lease: Lease, until: Timestamp) {
        if let Some(held) = self.held_by(lease) {
            held.until = Some(until);
        }
    }

    fn held_by(&mut self, lease: Lease) -> Option<&mut Held> {
        self.by_chat.get_mut(&lease.chat_key)?.held.as_mut().filter(|held| held.token == lease.token)
    }

    /// Ends a lease that stands, and moves its lane on.
    pub(super) fn settle(&mut self, lease: Lease, step: Move) {
        let Some(lane) = self.by_chat.get_mut(&lease.chat_key) else { return };
        if lane.held.is_none_or(|held| held.token != lease.token) {
            return;
        }
        lane.held = None;
        self.held -= 1;
        match step {
            Move::Gone => {
                lane.due_at = None;
                if let Some(item) = lane.items.pop_front() {
                    self.open -= 1;
                    self.arrivals.remove(item.received_at);
                }
            }
            Move::Again { at } => {
                lane.due_at = Some(at);
                // It has ended in another way than by a death.
                if let Some(front) = lane.items.front_mut() {
                    front.deaths = None;
                }
            }
        }
        if lane.items.is_empty() {
            self.by_chat.remove(&lease.chat_key);
        } else {
            self.line_up(lease.chat_key);
        }
        self.clear(lease.chat_key);
    }

    /// Puts a held update back as it was before the claim.
    pub(super) fn release(&mut self, lease: Lease) -> bool {
        let Some(lane) = self.by_chat.get_mut(&lease.chat_key) else { return false };
        if lane.held.is_none_or(|held| held.token != lease.token) {
            return false;
        }
        lane.held = None;
        self.held -= 1;
        match lane.deaths() {
            0 => self.ready.push_front(lease.chat_key),
            deaths => drop(self.suspects.insert((deaths, lease.chat_key))),
        }
        self.clear(lease.chat_key);
        true
    }

    /// The front of this lane is held no more; if it was a suspect, another one may be given out.
    fn clear(&mut self, key: ChatKey) {
        if self.suspect_held == Some(key) {
            self.suspect_held = None;
        }
    }

    /// Puts every held update whose lease has lapsed back; says how many.
    pub(super) fn lapse(&mut self, now: Timestamp) -> usize {
        let lapsed: Vec<_> = self
            .by_chat
            .iter()
            .filter_map(|(key, lane)| {
                let held = lane.held.filter(|held| held.until.is_some_and(|until| until <= now))?;
                Some(Lease { update_id: lane.items.front()?.id, chat_key: *key, token: held.token })
            })
            .collect();
        lapsed.iter().filter(|lease| self.release(**lease)).count()
    }

    /// Updates that wait or are held.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Updates that are held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// When the oldest update that waits or is held arrived, to the millisecond.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.arrivals.oldest()
    }

    /// Takes an update that is not held out of its lane; whether it was there to be taken.
    pub(super) fn withdraw(&mut self, key: ChatKey, id: UpdateId) -> bool {
        let Some(lane) = self.by_chat.get_mut(&key) else { return false };
        let Some(place) = lane.items.iter().position(|item| item.id == id) else { return false };
        if place == 0 && lane.held.is_some() {
            return false;
        }
        if let Some(item) = lane.items.remove(place) {
            self.open -= 1;
            self.arrivals.remove(item.received_at);
        }
        if place == 0 {
            // The next one is in front now. Where the lane stands ready already, it stays so.
            let waited = lane.due_at.take().is_some();
            if lane.items.is_empty() {
                self.by_chat.remove(&key);
                self.ready.retain(|ready| *ready != key);
            } else if waited {
                self.ready.push_back(key);
            }
        }
        true
    }
}
