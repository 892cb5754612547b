use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::lanes::Lanes;
use crate::clock::{Clock, elapsed};

/// Lanes that many share, and the bell that rings when they change.
pub(super) struct Order {
    lanes: Mutex<Lanes>,
    changed: Notify,
}

impl Order {
    pub(super) fn new(lanes: Lanes) -> Self {
        Self { lanes: Mutex::new(lanes), changed: Notify::new() }
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever waits that something may be due now.
    pub(super) fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Returns when something is due.
    pub(super) async fn ready(&self, clock: &dyn Clock) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the lanes are looked at: a change in between is not missed.
            changed.as_mut().enable();
            let next = {
                let mut lanes = self.lanes();
                if lanes.is_due(clock.steady()) {
                    return;
                }
                lanes.next_due()
            };
            match next {
                None => changed.await,
                Some(at) => tokio::select! {
                    () = changed => {}
                    () = clock.sleep(elapsed(clock.steady(), at)) => {}
                },
            }
        }
    }
}
