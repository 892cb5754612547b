//! The lanes of a store that keeps the order of work in its own memory, shared by all users.

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::delivery::{Claimable, LEASE, Lease};
use super::lanes::{Claimed, Lanes};
use super::survey::Survey;
use crate::clock::{SharedClock, elapsed, later};

/// [`Lanes`] behind a lock, with a notification when they change.
pub(super) struct ReadyQueue {
    lanes: Mutex<Lanes>,
    changed: Notify,
    clock: SharedClock,
}

impl ReadyQueue {
    pub(super) fn new(lanes: Lanes, clock: SharedClock) -> Self {
        Self { lanes: Mutex::new(lanes), changed: Notify::new(), clock }
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock()
    }

    /// Wakes all callers of [`ReadyQueue::ready`]: an update may be ready now.
    pub(super) fn notify(&self) {
        self.changed.notify_waiters();
    }

    /// Returns when one of these updates is ready.
    pub(super) async fn ready(&self, which: Claimable) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the lanes are read, so that no change is missed.
            changed.as_mut().enable();
            let next = {
                let mut lanes = self.lanes();
                if lanes.is_ready(self.clock.steady(), which) {
                    return;
                }
                lanes.next_ready_at()
            };
            match next {
                None => changed.await,
                Some(at) => tokio::select! {
                    () = changed => {}
                    () = self.clock.sleep(elapsed(self.clock.steady(), at)) => {}
                },
            }
        }
    }

    /// Claims up to `limit` of these updates, each for [`LEASE`].
    pub(super) fn claim(&self, limit: usize, which: Claimable) -> Vec<Claimed> {
        let now = self.clock.steady();
        self.lanes().claim(now, later(now, LEASE), limit, which)
    }

    /// Extends the leases that are valid.
    pub(super) fn extend(&self, leases: &[Lease]) {
        let until = self.lease_end();
        let mut lanes = self.lanes();
        for lease in leases {
            lanes.extend(*lease, until);
        }
    }

    /// The end of a lease that begins now.
    pub(super) fn lease_end(&self) -> Timestamp {
        later(self.clock.steady(), LEASE)
    }

    /// Puts updates back whose leases have ended. Returns their number.
    pub(super) fn release_lapsed(&self) -> u64 {
        let lapsed = self.lanes().release_lapsed(self.clock.steady());
        if lapsed > 0 {
            self.notify();
        }
        lapsed as u64
    }

    /// Counts the updates, of which `dead` are dead-letter updates. `is_full` gets the number of open updates.
    pub(super) fn survey(&self, dead: u64, is_full: impl FnOnce(u64) -> bool) -> Survey {
        let lanes = self.lanes();
        let (open, held) = (lanes.open() as u64, lanes.held() as u64);
        Survey { waiting: open - held, held, dead, full: is_full(open), oldest: lanes.oldest() }
    }
}
