//! What runs at the moment: claims and attempts, and the leases that are prolonged meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Dispatch;
use crate::inbox::Lease;
use crate::update::UpdateId;

/// The attempts that are under way.
#[derive(Default)]
pub(super) struct Running {
    now: Mutex<Now>,
    pub(super) changed: Notify,
}

#[derive(Default)]
pub(super) struct Now {
    pub(super) leases: HashMap<UpdateId, Lease>,
    /// Claims whose updates are not among the leases yet.
    claiming: usize,
    /// How many attempts have ended so far.
    pub(super) ended: u64,
}

impl Now {
    pub(super) fn is_idle(&self) -> bool {
        self.leases.is_empty() && self.claiming == 0
    }
}

impl Running {
    pub(super) fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim under way; when it ends in whatever way, it is not counted any more.
pub(super) struct Claiming<'a>(&'a Running);

impl<'a> Claiming<'a> {
    pub(super) fn begin(running: &'a Running) -> Self {
        running.now().claiming += 1;
        Self(running)
    }
}

impl Drop for Claiming<'_> {
    fn drop(&mut self) {
        let mut now = self.0.now();
        now.claiming -= 1;
        let is_idle = now.is_idle();
        drop(now);
        if is_idle {
            self.0.changed.notify_waiters();
        }
    }
}

/// An attempt under way; when it ends in whatever way, a panic too, its lease is not prolonged any more and nobody
/// waits for it.
pub(super) struct Attempting {
    dispatch: Arc<Dispatch>,
    id: UpdateId,
}

impl Attempting {
    /// The attempt at an update whose lease is among those of what runs.
    pub(super) fn of(dispatch: &Arc<Dispatch>, id: UpdateId) -> Self {
        Self { dispatch: Arc::clone(dispatch), id }
    }
}

impl Drop for Attempting {
    fn drop(&mut self) {
        let running = &self.dispatch.running;
        {
            let mut now = running.now();
            now.leases.remove(&self.id);
            now.ended += 1;
        }
        running.changed.notify_waiters();
    }
}
