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
    /// Notified when an attempt has ended, and when nothing is running.
    pub(super) changed: Notify,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) leases: HashMap<UpdateId, Lease>,
    /// The number of claims whose updates are not among the leases yet.
    claims: usize,
    /// The number of attempts that only make calls which are left.
    only_calls: usize,
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

    /// The number of attempts that only make calls which are left, without the handler.
    pub(super) fn only_calls(&self) -> usize {
        self.state().only_calls
    }

    pub(super) fn add(&self, deliveries: &[Delivery]) {
        self.state().leases.extend(deliveries.iter().map(|delivery| (delivery.lease.update_id, delivery.lease)));
    }
}

/// A running claim. It ends when it is dropped.
pub(super) struct Claim<'a>(&'a Running);

impl<'a> Claim<'a> {
    pub(super) fn begin(running: &'a Running) -> Self {
        running.state().claims += 1;
        Self(running)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let is_idle = {
            let mut state = self.0.state();
            state.claims -= 1;
            state.is_idle()
        };
        if is_idle {
            self.0.changed.notify_waiters();
        }
    }
}

/// A running attempt that only makes calls. It ends when it is dropped.
pub(super) struct OnlyCalls(Arc<Running>);

impl OnlyCalls {
    pub(super) fn begin(running: &Arc<Running>) -> Self {
        running.state().only_calls += 1;
        Self(Arc::clone(running))
    }
}

impl Drop for OnlyCalls {
    fn drop(&mut self) {
        self.0.state().only_calls -= 1;
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
