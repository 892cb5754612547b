//! Brings updates to the handler: chats side by side, the updates of a chat one after another, each
//! attempt bounded in time and settled in the inbox.

mod attempt;
mod schedule;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::clock::SharedClock;
use crate::handler::Handler;
use crate::inbox::{Delivery, Inbox, LEASE, Lease};
use crate::lifecycle::Shutdown;
use crate::settings::DispatchSettings;
use crate::telegram::BotApi;
use crate::update::UpdateId;

/// How often leases are prolonged: twice may fail before one lapses.
const EXTEND_EVERY: Duration = Duration::from_secs(LEASE.as_secs() / 3);
/// How long dispatch waits before it asks an inbox again that failed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// Claims what is due, runs the handler, makes the calls, settles.
pub struct Dispatch {
    inbox: Arc<dyn Inbox>,
    handler: Arc<dyn Handler>,
    api: BotApi,
    settings: DispatchSettings,
    clock: SharedClock,
    shutdown: Shutdown,
    /// A place for each update that may be handled at once.
    places: Arc<Semaphore>,
    running: Running,
}

/// The attempts that are under way.
#[derive(Default)]
struct Running {
    leases: Mutex<HashMap<UpdateId, Lease>>,
    ended: Notify,
}

impl Running {
    fn leases(&self) -> MutexGuard<'_, HashMap<UpdateId, Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dispatch {
    /// Brings the updates of `inbox` to `handler`, and its calls to `api`.
    #[must_use]
    pub fn new(
        inbox: Arc<dyn Inbox>,
        handler: Arc<dyn Handler>,
        api: BotApi,
        settings: DispatchSettings,
        clock: SharedClock,
        shutdown: Shutdown,
    ) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(settings.concurrency));
        Arc::new(Self { inbox, handler, api, settings, clock, shutdown, places, running: Running::default() })
    }

    /// Works until the soft stop; attempts that run then go on in tasks of their own, until the
    /// hard stop at the latest.
    pub async fn run(self: &Arc<Self>) {
        loop {
            let place = tokio::select! {
                biased;
                () = self.shutdown.soft.cancelled() => return,
                place = self.places.clone().acquire_owned() => place,
            };
            // The semaphore is never closed.
            let Ok(place) = place else { return };
            tokio::select! {
                biased;
                () = self.shutdown.soft.cancelled() => return,
                () = self.inbox.due() => {}
            }
            if self.claim(place).await.is_none() {
                tokio::select! {
                    () = self.shutdown.soft.cancelled() => return,
                    () = self.clock.sleep(AFTER_A_FAILURE) => {}
                }
            }
        }
    }

    /// Claims as many updates as there are places, `place` being one, and begins an attempt of
    /// each; says how many, or none when the inbox failed.
    async fn claim(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Option<usize> {
        let free = self.places.available_permits();
        let deliveries = match self.inbox.claim(free + 1).await {
            Ok(deliveries) => deliveries,
            Err(error) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "updates could not be claimed; trying again");
                return None;
            }
        };
        let begun = deliveries.len();
        let mut place = Some(place);
        for delivery in deliveries {
            // Whoever claims between our look and now may have taken a place; then an attempt of
            // what is claimed already runs without one.
            let place = place.take().or_else(|| self.places.clone().try_acquire_owned().ok());
            self.begin(delivery, place);
        }
        Some(begun)
    }

    fn begin(self: &Arc<Self>, delivery: Delivery, place: Option<OwnedSemaphorePermit>) {
        let lease = delivery.lease;
        self.running.leases().insert(lease.update_id, lease);
        let dispatch = Arc::clone(self);
        self.shutdown.tasks.spawn(async move {
            dispatch.attempt(delivery).await;
            dispatch.running.leases().remove(&lease.update_id);
            drop(place);
            dispatch.running.ended.notify_waiters();
        });
    }

    /// Brings everything that is due to its handler, and returns when nothing is due and nothing
    /// runs.
    pub async fn drain(self: &Arc<Self>) {
        loop {
            let ended = self.running.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            let Ok(place) = self.places.clone().acquire_owned().await else { return };
            if self.claim(place).await.is_none_or(|begun| begun > 0) {
                continue;
            }
            if self.running.leases().is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Returns when no attempt runs.
    pub async fn idle(&self) {
        loop {
            let ended = self.running.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.running.leases().is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Keeps the inbox in order until the hard stop: prolongs the leases of what runs, and sweeps.
    pub async fn keep_up(&self) {
        loop {
            tokio::select! {
                () = self.shutdown.hard.cancelled() => return,
                () = self.clock.sleep(EXTEND_EVERY) => {}
            }
            let leases: Vec<Lease> = self.running.leases().values().copied().collect();
            let extended = self.inbox.extend(&leases).await;
            if let Err(error) = extended.and(self.inbox.sweep().await) {
                tracing::warn!(error = %crate::telemetry::chain(&error), "the upkeep of the inbox failed; trying again");
            }
        }
    }
}
