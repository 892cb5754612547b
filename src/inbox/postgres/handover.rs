//! Updates that were claimed in the transaction that stored them, until dispatch takes them.
//!
//! While dispatch waits for updates, an update that arrives need not be stored, found, claimed and read again: the
//! transaction that stores it claims it too. This saves a commit and a read for each batch. It is done only for slots that
//! are free as far as is known, so an instance that is busy leaves updates to the others.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::elapsed;
use crate::inbox::delivery::{Delivery, Lease};

/// How long dispatch may leave such an update before it is given back. Dispatch may have been paused, or its slots are
/// taken after all.
pub(super) const GIVE_BACK_AFTER: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(super) struct Handover {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Default)]
struct State {
    /// How many callers wait for updates or claim them.
    wanting: usize,
    /// Slots that are free as far as is known: those that the last claim left, and those of updates that were settled.
    free: usize,
    /// The most slots that a claim named.
    most: usize,
    /// Updates that the last claim found in the database.
    last_found: usize,
    /// Claimed updates, each with the time of its claim.
    claimed: VecDeque<(Delivery, Timestamp)>,
}

/// Somebody waits for updates, or claims them.
pub(super) struct Wanting<'a>(&'a Handover);

impl Handover {
    /// Notes that the caller waits for updates, or claims them, until the value is dropped.
    pub(super) fn want(&self) -> Wanting<'_> {
        self.state.lock().wanting += 1;
        Wanting(self)
    }

    /// Whether somebody waits for updates, or claims them.
    pub(super) fn is_wanted(&self) -> bool {
        self.state.lock().wanting > 0
    }

    /// How many updates may be claimed as they are stored.
    pub(super) fn room(&self) -> usize {
        let state = self.state.lock();
        if state.wanting > 0 { state.free.saturating_sub(state.claimed.len()) } else { 0 }
    }

    /// Adds claimed updates.
    pub(super) fn add(&self, deliveries: Vec<Delivery>, now: Timestamp) {
        self.state.lock().claimed.extend(deliveries.into_iter().map(|delivery| (delivery, now)));
        self.added.notify_one();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().claimed.is_empty()
    }

    /// Takes up to `limit` updates for a claim. If it goes on in the database, what it will find there is estimated by what
    /// the last one found.
    pub(super) fn begin_claim(&self, limit: usize) -> Vec<Delivery> {
        let mut state = self.state.lock();
        let taken = state.take(limit);
        state.most = state.most.max(limit);
        state.free = limit.saturating_sub(taken.len() + state.last_found);
        taken
    }

    /// Ends a claim with this limit, which took `taken` updates from here and found `found` in the database, or did not look
    /// there. Takes further updates that were added meanwhile.
    pub(super) fn end_claim(&self, limit: usize, taken: usize, found: Option<usize>) -> Vec<Delivery> {
        let mut state = self.state.lock();
        state.last_found = found.unwrap_or(state.last_found);
        let left = limit.saturating_sub(taken + found.unwrap_or(0));
        let more = state.take(left);
        state.free = left - more.len();
        more
    }

    /// Notes that updates were settled, so that their slots are free.
    pub(super) fn settled(&self, updates: usize) {
        let mut state = self.state.lock();
        state.free = (state.free + updates).min(state.most);
    }

    /// Returns when updates were added.
    pub(super) async fn added(&self) {
        self.added.notified().await;
    }

    /// Takes the leases of updates that were claimed at least `age` ago, to give them back.
    pub(super) fn take_older(&self, age: Duration, now: Timestamp) -> Vec<Lease> {
        let mut state = self.state.lock();
        let older = state.claimed.iter().take_while(|(_, since)| elapsed(*since, now) >= age).count();
        state.claimed.drain(..older).map(|(delivery, _)| delivery.lease).collect()
    }
}

impl State {
    fn take(&mut self, limit: usize) -> Vec<Delivery> {
        let count = limit.min(self.claimed.len());
        self.claimed.drain(..count).map(|(delivery, _)| delivery).collect()
    }
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.0.state.lock().wanting -= 1;
    }
}
