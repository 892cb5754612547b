//! The state of a sandbox behind its lock. Its tasks can wait for a change or a time.

use std::future;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::state::State;
use crate::clock::{self, SharedClock};
use crate::lifecycle::Shutdown;

/// Expired updates are removed at this interval.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// What the tasks of one sandbox share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Notified after each change of the state.
    changed: Notify,
    pub(super) clock: SharedClock,
    pub(super) shutdown: Shutdown,
    /// The address of the listener.
    pub(super) addr: SocketAddr,
}

impl Shared {
    pub(super) fn new(clock: SharedClock, shutdown: Shutdown, addr: SocketAddr) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), clock, shutdown, addr }
    }

    /// Locks the state for reading. Changes go through [`Self::change`], which notifies the waiting tasks.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Changes the state, then notifies the webhook's sender and every waiting task.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let result = {
            let mut state = self.state.lock();
            let result = change(&mut state, now);
            if let Some(webhook) = &state.webhook {
                webhook.sender.changed.notify_one();
            }
            result
        };
        self.changed.notify_waiters();
        result
    }

    /// Calls `look` now and after each change, and returns its first `Some`.
    pub(super) async fn wait_for<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that a change in between is not missed.
            changed.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }

    /// Returns at that time, or never without one.
    pub(super) async fn sleep_until(&self, at: Option<Timestamp>) {
        let Some(at) = at else { return future::pending().await };
        loop {
            let now = self.clock.now();
            if now >= at {
                return;
            }
            let sleep = self.clock.sleep(clock::elapsed(now, at));
            // A test may move its clock between reading it and sleeping; the sleep would then end too late.
            if clock::elapsed(now, self.clock.now()) < Duration::from_millis(1) {
                sleep.await;
            }
        }
    }

    /// Removes expired updates until the soft stop.
    pub(super) async fn sweep(&self) {
        loop {
            tokio::select! {
                () = self.clock.sleep(SWEEP_INTERVAL) => self.change(|state, now| state.backlog.sweep(now)),
                () = self.shutdown.soft.cancelled() => return,
            }
        }
    }
}
