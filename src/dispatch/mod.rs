//! Brings updates to the handler: chats side by side, the updates of a chat one after another, each
//! attempt bounded in time and settled in the inbox.

mod attempt;
mod calls;
mod counts;
mod hold;
mod schedule;
mod spans;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::clock::SharedClock;
use crate::handler::Handler;
use crate::inbox::{Delivery, Inbox, LEASE, Lease};
use crate::lifecycle::Shutdown;
use crate::settings::DispatchSettings;
use crate::telegram::PacedApi;
use crate::telemetry::Traces;
use crate::update::UpdateId;
use hold::Hold;

pub use counts::{Counts, GivenUp, Outcome};

/// How often leases are prolonged: twice may fail before one lapses.
const EXTEND_EVERY: Duration = Duration::from_secs(LEASE.as_secs() / 3);
/// How many outcomes may be on their way into the inbox, for each place but the first: enough for those of
/// one commit, and a bound on what is repeated when the process dies before it. Where there is one place, an
/// update leaves it only when it is over and done with.
const RECORDING: usize = 4;
/// How long dispatch waits before it asks an inbox again that failed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// Claims what is due, runs the handler, makes the calls, settles.
pub struct Dispatch {
    inbox: Arc<dyn Inbox>,
    handler: Arc<dyn Handler>,
    api: PacedApi,
    settings: DispatchSettings,
    clock: SharedClock,
    shutdown: Shutdown,
    /// A place for each update that may be handled at once.
    places: Arc<Semaphore>,
    /// A place for each outcome that may be on its way into the inbox.
    recording: Semaphore,
    running: Running,
    hold: Hold,
    counts: Arc<Counts>,
    traces: Traces,
}

/// The attempts that are under way.
#[derive(Default)]
struct Running {
    now: Mutex<Now>,
    changed: Notify,
}

#[derive(Default)]
struct Now {
    leases: HashMap<UpdateId, Lease>,
    /// Claims whose updates are not among the leases yet.
    claiming: usize,
    /// How many attempts have ended so far.
    ended: u64,
}

impl Now {
    fn is_idle(&self) -> bool {
        self.leases.is_empty() && self.claiming == 0
    }
}

impl Running {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dispatch {
    /// Brings the updates of `inbox` to `handler`, and its calls to `api`.
    #[must_use]
    pub fn new(
        inbox: Arc<dyn Inbox>,
        handler: Arc<dyn Handler>,
        api: PacedApi,
        settings: DispatchSettings,
        clock: SharedClock,
        shutdown: Shutdown,
        traces: Traces,
    ) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(settings.concurrency));
        let hold = Hold::new(clock.now());
        let recording = Semaphore::new((settings.concurrency - 1) * RECORDING);
        Arc::new(Self {
            inbox,
            handler,
            api,
            settings,
            clock,
            shutdown,
            places,
            recording,
            running: Running::default(),
            hold,
            counts: Arc::default(),
            traces,
        })
    }

    /// How attempts ended.
    #[must_use]
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
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
        self.running.now().claiming += 1;
        let free = self.places.available_permits();
        let claimed = self.inbox.claim(free + 1).await;
        let mut running = self.running.now();
        running.claiming -= 1;
        let begun = match claimed {
            Ok(deliveries) => {
                let begun = deliveries.len();
                let mut place = Some(place);
                for delivery in deliveries {
                    // Whoever claims between our look and now may have taken a place; then an attempt
                    // of what is claimed already runs without one.
                    let place = place.take().or_else(|| self.places.clone().try_acquire_owned().ok());
                    running.leases.insert(delivery.lease.update_id, delivery.lease);
                    self.begin(delivery, place);
                }
                Some(begun)
            }
            Err(error) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "updates could not be claimed; trying again");
                None
            }
        };
        drop(running);
        if begun.is_none_or(|begun| begun == 0) {
            self.running.changed.notify_waiters();
        }
        begun
    }

    fn begin(self: &Arc<Self>, delivery: Delivery, place: Option<OwnedSemaphorePermit>) {
        let id = delivery.lease.update_id;
        let dispatch = Arc::clone(self);
        self.shutdown.tasks.spawn(async move {
            let (lease, verdict) = dispatch.attempt(delivery).await;
            // While the outcome is being written, another update can be handled.
            let recording = dispatch.recording.try_acquire().ok();
            let place = place.filter(|_| recording.is_none());
            dispatch.settle(lease, verdict).await;
            drop((place, recording));
            {
                let mut running = dispatch.running.now();
                running.leases.remove(&id);
                running.ended += 1;
            }
            dispatch.running.changed.notify_waiters();
        });
    }

    /// Brings everything that is due to its handler, and returns when nothing is due and nothing
    /// runs.
    pub async fn drain(self: &Arc<Self>) {
        loop {
            let changed = self.running.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let ended = self.running.now().ended;
            let Ok(place) = self.places.clone().acquire_owned().await else { return };
            if self.claim(place).await.is_none_or(|begun| begun > 0) {
                continue;
            }
            {
                let running = self.running.now();
                // What ended since may have made another one due.
                if running.ended != ended {
                    continue;
                }
                if running.is_idle() {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Returns when no attempt runs.
    pub async fn idle(&self) {
        loop {
            let changed = self.running.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.running.now().is_idle() {
                return;
            }
            changed.await;
        }
    }

    /// Keeps the inbox in order until the hard stop: prolongs the leases of what runs, and sweeps.
    pub async fn keep_up(&self) {
        loop {
            tokio::select! {
                () = self.shutdown.hard.cancelled() => return,
                () = self.clock.sleep(EXTEND_EVERY) => {}
            }
            let leases: Vec<Lease> = self.running.now().leases.values().copied().collect();
            let asked = self.clock.now();
            let extended = self.inbox.extend(&leases).await.inspect(|()| self.hold.prolonged(asked));
            if let Err(error) = extended.and(self.inbox.sweep().await) {
                tracing::warn!(error = %crate::telemetry::chain(&error), "the upkeep of the inbox failed; trying again");
            }
        }
    }
}
