//! The state of a sandbox behind its lock. Its tasks can wait for a change or a time.

use std::future;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};

use super::service_view::ServiceView;
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
    /// The number of changes, for the page.
    changes: watch::Sender<u64>,
    /// What the page shows of the service that uses this sandbox.
    service: Mutex<ServiceView>,
    pub(super) clock: SharedClock,
    pub(super) shutdown: Shutdown,
    /// The address of the listener.
    pub(super) addr: SocketAddr,
}

impl Shared {
    pub(super) fn new(clock: SharedClock, shutdown: Shutdown, addr: SocketAddr) -> Self {
        let (changes, service) = (watch::Sender::new(0), Mutex::default());
        Self { state: Mutex::default(), changed: Notify::new(), changes, service, clock, shutdown, addr }
    }

    /// The number of changes, which the page watches.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Says that the page shows something else now.
    pub(super) fn touch(&self) {
        if self.changes.receiver_count() > 0 {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// What the page shows of the service that uses this sandbox.
    pub(super) fn service(&self) -> ServiceView {
        self.service.lock().clone()
    }

    pub(super) fn set_service(&self, service: ServiceView) {
        *self.service.lock() = service;
        self.touch();
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
        self.touch();
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

    /// Removes chat actions and drafts that are over, until the soft stop.
    pub(super) async fn expire(&self) {
        loop {
            let until = self.wait_for(|| self.lock().presence.next_end());
            tokio::select! {
                until = until => self.sleep_until(Some(until)).await,
                () = self.shutdown.soft.cancelled() => return,
            }
            self.change(|state, now| state.presence.expire(now));
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
