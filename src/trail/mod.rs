//! The trail: what happened to each of the latest updates, from the request to the reply, for the pages that show it.
//!
//! It is a bounded ring in memory. It holds numbers, methods, outcomes and reasons, and no text of a person. Where no page
//! can show it, it is off, and recording costs one comparison.

mod event;
mod ring;

use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

pub use event::{Event, KNOWN, Step};
pub use ring::Limits;
use ring::Ring;

use crate::clock::{SharedClock, earlier, elapsed};
use crate::update::UpdateId;

/// Records what happens to updates. The default is off.
#[derive(Clone, Default)]
pub struct Trail(Option<Arc<Inner>>);

struct Inner {
    ring: Mutex<Ring>,
    changed: watch::Sender<u64>,
    clock: SharedClock,
}

impl Inner {
    /// Notifies the pages, if one is open.
    fn notify(&self) {
        if self.changed.receiver_count() > 0 {
            self.changed.send_modify(|changes| *changes += 1);
        }
    }
}

impl Trail {
    /// A trail that keeps the latest updates within these limits.
    #[must_use]
    pub fn new(limits: Limits, clock: SharedClock) -> Self {
        let (ring, changed) = (Mutex::new(Ring::new(limits)), watch::Sender::new(0));
        Self(Some(Arc::new(Inner { ring, changed, clock })))
    }

    /// Whether something is recorded.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Records what happened to an update. `event` is made only where the trail is on.
    pub fn record(&self, update: UpdateId, event: impl FnOnce() -> Event) {
        let Some(inner) = &self.0 else { return };
        let step = Step { at: inner.clock.now(), event: event() };
        inner.ring.lock().push(update, step);
        inner.notify();
    }

    /// Records what began at `began`, by the steady clock. It is placed among the steps of the update by that time, because
    /// others may have been recorded since.
    pub fn record_since(&self, began: Timestamp, update: UpdateId, event: impl FnOnce() -> Event) {
        let Some(inner) = &self.0 else { return };
        let at = earlier(inner.clock.now(), elapsed(began, inner.clock.steady()));
        inner.ring.lock().insert(update, Step { at, event: event() });
        inner.notify();
    }

    /// What happened to an update, in order. `None` if it is not one of the latest, or the trail is off.
    #[must_use]
    pub fn of(&self, update: UpdateId) -> Option<Vec<Step>> {
        self.0.as_ref()?.ring.lock().steps(update).map(<[Step]>::to_vec)
    }

    /// The latest updates with their first and their last step, the newest first, at most `limit`.
    #[must_use]
    pub fn latest(&self, limit: usize) -> Vec<(UpdateId, Timestamp, Step)> {
        self.0.as_ref().map(|inner| inner.ring.lock().latest(limit)).unwrap_or_default()
    }

    /// Notified when something was recorded. `None` where the trail is off.
    #[must_use]
    pub fn changes(&self) -> Option<watch::Receiver<u64>> {
        self.0.as_ref().map(|inner| inner.changed.subscribe())
    }
}
