//! What this instance holds, as far as it knows: what dispatch says it is at work on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::super::{LEASE, Lease};
use crate::clock::elapsed;

/// The leases of this instance, each with when it was last named as being at work.
///
/// While the database is away they lapse there, and nobody here may take them for those of a process that
/// died: the work goes on, or is done and only its outcome is not recorded yet.
#[derive(Default)]
pub(super) struct Held(Mutex<HashMap<i64, (Lease, Timestamp)>>);

impl Held {
    /// They are at work now.
    pub(super) fn at_work(&self, leases: impl IntoIterator<Item = Lease>, now: Timestamp) {
        self.lock().extend(leases.into_iter().map(|lease| (lease.token, (lease, now))));
    }

    /// These are at work now, and no others: one that has not been named for as long as a lease lasts is
    /// forgotten, for a task may have died under it. Only here: a process that was stopped for a while names
    /// what it is at work on before it is told that it has forgotten it.
    pub(super) fn all_at_work(&self, leases: &[Lease], now: Timestamp) {
        self.at_work(leases.iter().copied(), now);
        self.lock().retain(|_, (_, named)| elapsed(*named, now) < LEASE);
    }

    /// The work of this lease is over.
    pub(super) fn over(&self, lease: Lease) {
        self.lock().remove(&lease.token);
    }

    /// The leases that are at work.
    pub(super) fn leases(&self) -> Vec<Lease> {
        self.lock().values().map(|(lease, _)| *lease).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, (Lease, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
