//! Brings updates to the handler: chats side by side, the updates of a chat one after another, each
//! attempt bounded in time and settled in the inbox.

mod attempt;
mod calls;
mod counts;
mod hold;
mod running;
mod schedule;
mod spans;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::{SharedClock, later};
use crate::fail;
use crate::handler::Handler;
use crate::inbox::{Delivery, Inbox, InboxError, LEASE, Lease, Verdict};
use crate::lifecycle::Shutdown;
use crate::settings::DispatchSettings;
use crate::telegram::PacedApi;
use crate::telemetry::{self, Storm, Traces};
use hold::{Hold, Moment};
use running::{Attempting, Claiming, Running};

pub use counts::{Counts, GivenUp};

/// How often leases are prolonged: twice may fail before one lapses.
const EXTEND_EVERY: Duration = Duration::from_secs(LEASE.as_secs() / 3);
/// How often the inbox is swept.
const SWEEP_EVERY: Duration = EXTEND_EVERY;
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
    running: Running,
    hold: Hold,
    counts: Arc<Counts>,
    traces: Traces,
    storms: Storms,
}

/// What can happen to many updates at once, and is told in few lines.
struct Storms {
    claim: Storm,
    settle: Storm,
    upkeep: Storm,
    again: Storm,
    expired: Storm,
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
        let hold = Hold::new(Moment::of(&*clock));
        let storm = || Storm::new(Arc::clone(&clock));
        let storms = Storms { claim: storm(), settle: storm(), upkeep: storm(), again: storm(), expired: storm() };
        Arc::new(Self {
            inbox,
            handler,
            api,
            settings,
            clock,
            shutdown,
            places,
            running: Running::default(),
            hold,
            counts: Arc::default(),
            traces,
            storms,
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
            fail::point("dispatch");
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
                () = self.inbox.ready() => {}
            }
            if self.claim(place).await.is_none() {
                tokio::select! {
                    () = self.shutdown.soft.cancelled() => return,
                    () = self.clock.sleep(AFTER_A_FAILURE) => {}
                }
            }
        }
    }

    /// Claims an update for each free slot, `slots` being one of them, and begins an attempt of each; returns how many
    /// began, or none when the inbox failed.
    async fn claim(self: &Arc<Self>, mut slots: OwnedSemaphorePermit) -> Option<usize> {
        let claiming = Claiming::begin(&self.running);
        let free = u32::try_from(self.places.available_permits()).unwrap_or(u32::MAX);
        if let Ok(more) = self.places.clone().try_acquire_many_owned(free) {
            slots.merge(more);
        }
        let deliveries = match self.inbox.claim(slots.num_permits()).await {
            Ok(deliveries) => deliveries,
            Err(error) => {
                if let Some(times) = self.storms.claim.event() {
                    tracing::warn!(error = %telemetry::chain(&error), times, "updates could not be claimed; trying again");
                }
                return None;
            }
        };
        if let Some(over) = self.storms.claim.over() {
            tracing::info!(times = over.times, "updates can be claimed again");
        }
        let begun = deliveries.len();
        self.running.now().leases.extend(deliveries.iter().map(|delivery| (delivery.lease.update_id, delivery.lease)));
        drop(claiming);
        for delivery in deliveries {
            self.begin(delivery, slots.split(1));
        }
        Some(begun)
    }

    fn begin(self: &Arc<Self>, delivery: Delivery, slot: Option<OwnedSemaphorePermit>) {
        let (lease, attempt, expires_at) = (delivery.lease, delivery.attempt, delivery.update.expires_at);
        let attempting = Attempting::of(self, lease.update_id);
        let dispatch = Arc::clone(self);
        self.shutdown.tasks.spawn(async move {
            // However the task ends, the update does not count as running any more.
            let _attempting = attempting;
            // In a box of its own: a task is moved several times while it is started, and an attempt is large.
            let attempt_at = Box::pin(dispatch.attempt(delivery));
            let attempted = AssertUnwindSafe(attempt_at).catch_unwind().await;
            let (lease, verdict) =
                attempted.unwrap_or_else(|_| (lease, dispatch.after_a_panic(lease, attempt, expires_at)));
            // The slot is free once the outcome is recorded: a crash repeats no more updates than there are slots.
            dispatch.settle(lease, verdict).await;
            drop(slot);
        });
    }

    /// What follows from a panic outside the handler. It is an error in this program and costs an attempt, so that an
    /// update that causes it every time is dead in the end.
    fn after_a_panic(&self, lease: Lease, attempt: u32, expires_at: Timestamp) -> Verdict {
        let reason = "the service panicked while it handled the update".to_owned();
        tracing::error!(update.id = lease.update_id.0, chat = %lease.chat_key, attempt, reason, "an attempt failed; this is an error in the program");
        let verdict = if attempt >= self.settings.attempts {
            Verdict::Dead { reason }
        } else {
            let wait = schedule::after_failure(&self.settings.backoff, attempt, rand::random());
            Verdict::Retry { at: later(self.clock.steady(), wait).min(expires_at), reason }
        };
        self.counts.attempts.of(verdict.kind()).inc();
        verdict
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

    /// Keeps the inbox in order until the hard stop: prolongs the leases of what runs, and sweeps. The two do
    /// not wait for one another: a sweep can take longer than a lease lasts.
    pub async fn keep_up(&self) {
        tokio::join!(self.extend_leases(), self.sweep());
    }

    async fn extend_leases(&self) {
        fail::point("upkeep");
        while self.passes(EXTEND_EVERY).await {
            let leases: Vec<Lease> = self.running.now().leases.values().copied().collect();
            let asked = Moment::of(&*self.clock);
            self.note_upkeep(self.inbox.extend(&leases).await.inspect(|()| self.hold.prolonged(asked)));
        }
    }

    async fn sweep(&self) {
        while self.passes(SWEEP_EVERY).await {
            self.note_upkeep(self.inbox.sweep().await);
        }
    }

    fn note_upkeep(&self, kept: Result<(), InboxError>) {
        match kept {
            Ok(()) => {
                let _ = self.storms.upkeep.over();
            }
            Err(error) => {
                if let Some(times) = self.storms.upkeep.event() {
                    tracing::warn!(error = %telemetry::chain(&error), times, "the upkeep of the inbox failed; trying again");
                }
            }
        }
    }

    /// Returns when so much time has passed; whether the service goes on.
    async fn passes(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.shutdown.hard.cancelled() => false,
            () = self.clock.sleep(pause) => true,
        }
    }
}
