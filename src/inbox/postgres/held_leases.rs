//! The leases that this instance holds.

use std::collections::HashMap;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::clock::elapsed;
use crate::inbox::delivery::{LEASE, Lease};

/// The leases of this instance by token, each with the time at which dispatch last named it.
///
/// While the database is away, leases lapse in it. This instance must not take its own for those of a process that
/// crashed: the update is still being handled, or its outcome is not recorded yet.
#[derive(Default)]
pub(super) struct HeldLeases(Mutex<HashMap<i64, (Lease, Timestamp)>>);

impl HeldLeases {
    /// Adds leases, or renews the time of those that are known.
    pub(super) fn touch(&self, leases: impl IntoIterator<Item = Lease>, now: Timestamp) {
        self.0.lock().extend(leases.into_iter().map(|lease| (lease.token, (lease, now))));
    }

    /// Touches these leases, and removes those that were not touched for as long as a lease lasts: the task that
    /// handled the update may have died. Nothing else removes them, so that a process that was suspended can touch its
    /// leases first.
    pub(super) fn touch_and_expire(&self, leases: &[Lease], now: Timestamp) {
        self.touch(leases.iter().copied(), now);
        self.0.lock().retain(|_, (_, touched)| elapsed(*touched, now) < LEASE);
    }

    pub(super) fn remove(&self, lease: Lease) {
        self.0.lock().remove(&lease.token);
    }

    pub(super) fn all(&self) -> Vec<Lease> {
        self.0.lock().values().map(|(lease, _)| *lease).collect()
    }
}
