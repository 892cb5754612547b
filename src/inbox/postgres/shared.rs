//! The state that the parts of one instance's inbox share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;

use super::database::Database;
use super::handover::Handover;
use super::listener::Listener;
use crate::clock::elapsed;
use crate::inbox::counts::Counts;

/// Pairs of rows of `tally`. Each instance chooses one at random, so that two instances rarely wait for each other.
const SLOT_PAIRS: i32 = 32;

pub(super) struct Shared {
    pub(super) database: Arc<Database>,
    pub(super) listener: Arc<Listener>,
    pub(super) handover: Arc<Handover>,
    /// The number of dead-letter updates, as far as this instance knows. They count towards the capacity.
    pub(super) dead: AtomicU64,
    /// The row of `tally` in which this instance counts accepted updates.
    pub(super) accept_slot: i32,
    /// The row in which it counts settled and revived updates.
    pub(super) settle_slot: i32,
    pub(super) counts: Arc<Counts>,
}

impl Shared {
    pub(super) fn new(database: Arc<Database>, counts: Arc<Counts>) -> Arc<Self> {
        let slot = rand::random_range(0..SLOT_PAIRS) * 2;
        let handover = Arc::<Handover>::default();
        let (listener, dead) = (Listener::start(&database, &handover), AtomicU64::new(0));
        Arc::new(Self { database, listener, handover, dead, accept_slot: slot, settle_slot: slot + 1, counts })
    }

    /// Counts the commit of a batch that began at `begun`.
    pub(super) fn record_commit(&self, updates: usize, begun: Timestamp, succeeded: bool) {
        self.counts.record_commit(updates, elapsed(begun, self.database.clock.steady()), succeeded);
    }
}
