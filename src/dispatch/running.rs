//! The attempts that are running, and the leases that must be renewed for them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::inbox::{Delivery, Lease};
use crate::update::UpdateId;

/// The running claims and attempts.
#[derive(Default)]
pub(super) struct Running {
    state: Mutex<State>,
    /// Notified when a claim or an attempt has ended.
    pub(super) changed: Notify,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) leases: HashMap<UpdateId, Lease>,
    /// The number of claims whose updates are not among the leases yet.
    claims: usize,
    /// How many updates those claims may take.
    claiming: usize,
    /// The number of updates that the handler has.
    handled: usize,
    /// The number of attempts that have ended.
    pub(super) ended: u64,
}

impl State {
    pub(super) fn is_idle(&self) -> bool {
        self.leases.is_empty() && self.claims == 0
    }
}

impl Running {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The number of updates that the handler has, or may get from claims that are running.
    pub(super) fn with_handler(&self) -> usize {
        let state = self.state();
        state.handled + state.claiming
    }

    pub(super) fn add(&self, deliveries: &[Delivery]) {
        self.state().leases.extend(deliveries.iter().map(|delivery| (delivery.lease.update_id, delivery.lease)));
    }
}

/// A running claim. It ends when it is dropped.
pub(super) struct Claim<'a> {
    running: &'a Running,
    limit: usize,
}

impl<'a> Claim<'a> {
    /// A claim of at most `limit` updates for the handler, which has at most `capacity` updates then. `None` if it takes
    /// none.
    pub(super) fn begin(running: &'a Running, limit: usize, capacity: usize) -> Option<Self> {
        let mut state = running.state();
        let limit = limit.min(capacity.saturating_sub(state.handled + state.claiming));
        if limit == 0 {
            return None;
        }
        state.claims += 1;
        state.claiming += limit;
        Some(Self { running, limit })
    }

    /// The most updates that it may take.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        {
            let mut state = self.running.state();
            state.claims -= 1;
            state.claiming -= self.limit;
        }
        self.running.changed.notify_waiters();
    }
}

/// An update that the handler has. It ends when it is dropped.
pub(super) struct WithHandler(Arc<Running>);

impl WithHandler {
    pub(super) fn begin(running: &Arc<Running>) -> Self {
        running.state().handled += 1;
        Self(Arc::clone(running))
    }
}

impl Drop for WithHandler {
    fn drop(&mut self) {
        self.0.state().handled -= 1;
    }
}

/// A running attempt. When it is dropped, also by a panic, its lease is no longer renewed and no stop waits for it.
pub(super) struct Attempt {
    running: Arc<Running>,
    id: UpdateId,
}

impl Attempt {
    /// The attempt at an update whose lease is in the state.
    pub(super) fn begin(running: &Arc<Running>, id: UpdateId) -> Self {
        Self { running: Arc::clone(running), id }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        {
            let mut state = self.running.state();
            state.leases.remove(&self.id);
            state.ended += 1;
        }
        self.running.changed.notify_waiters();
    }
}
