//! Claims ready updates, and starts an attempt in a task of its own for each of them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::engine::{AFTER_A_FAILURE, Dispatch};
use super::pause::Handling;
use super::running::{Attempt, Claim, WithHandler};
use crate::inbox::{Claimable, Delivery};
use crate::telemetry;

impl Dispatch {
    /// Starts attempts until the soft stop. Attempts that are running then continue in their own tasks, until the hard
    /// stop at the latest.
    pub async fn run(self: &Arc<Self>) {
        tokio::join!(self.run_in(&self.slots, Claimable::Any), self.run_in(&self.urgent_slots, Claimable::Urgent));
    }

    /// Starts attempts at these updates in these slots.
    async fn run_in(self: &Arc<Self>, slots: &Arc<Semaphore>, wanted: Claimable) {
        let mut handling = self.pause.subscribe();
        loop {
            let slot = tokio::select! {
                biased;
                () = self.shutdown.soft.cancelled() => return,
                slot = Arc::clone(slots).acquire_owned() => slot,
            };
            // The semaphore is never closed.
            let Ok(slot) = slot else { return };
            tokio::select! {
                biased;
                () = self.shutdown.soft.cancelled() => return,
                () = self.pause.running() => {}
            }
            let which = tokio::select! {
                biased;
                () = self.shutdown.soft.cancelled() => return,
                // A store may claim updates at once for a caller that waits.
                _ = handling.wait_for(|handling| *handling != Handling::Running) => continue,
                which = self.ready(wanted) => which,
            };
            if self.pause.handling() != Handling::Running {
                continue;
            }
            if self.claim(slots, slot, which).await.is_none() {
                tokio::select! {
                    () = self.shutdown.soft.cancelled() => return,
                    () = self.clock.sleep(AFTER_A_FAILURE) => {}
                }
            }
        }
    }

    /// Claims one of these updates for `slot` and for every other free one of `slots`, as many as the handler takes, and
    /// starts their attempts. Returns how many were claimed, or `None` when the inbox failed.
    async fn claim(
        self: &Arc<Self>,
        slots: &Arc<Semaphore>,
        mut slot: OwnedSemaphorePermit,
        which: Claimable,
    ) -> Option<usize> {
        let free = slots.available_permits();
        let Some(claim) = Claim::begin(&self.running, free + 1, self.capacity_for(which)) else { return Some(0) };
        let more = u32::try_from(claim.limit() - 1).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(slots).try_acquire_many_owned(more) {
            slot.merge(more);
        }
        let mut slots = slot;
        let deliveries = match self.inbox.claim(slots.num_permits(), which).await {
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
        let claimed = deliveries.len();
        self.running.add(&deliveries);
        for delivery in deliveries {
            self.start_attempt(delivery, slots.split(1));
        }
        // Its updates are with the handler now.
        drop(claim);
        Some(claimed)
    }

    fn start_attempt(self: &Arc<Self>, delivery: Delivery, slot: Option<OwnedSemaphorePermit>) {
        let (lease, attempt, expires_at) = (delivery.lease, delivery.attempt, delivery.update.expires_at);
        let running = Attempt::begin(&self.running, lease.update_id);
        let with_handler = delivery.calls_left.is_none().then(|| WithHandler::begin(&self.running));
        let dispatch = Arc::clone(self);
        self.shutdown.tasks.spawn(async move {
            // It is dropped however the task ends.
            let _running = running;
            // The future of an attempt is large, and a task is moved several times while it starts: so it is boxed.
            let attempt_once = Box::pin(dispatch.attempt(delivery));
            let attempted = AssertUnwindSafe(attempt_once).catch_unwind().await;
            let (verdict, has_effects) =
                attempted.unwrap_or_else(|_| (dispatch.after_panic(lease, attempt, expires_at), true));
            // A crash can repeat no effect of an attempt that has none, so its slot is free for another update. With 100
            // connections this is worth a third of the throughput.
            let recording = if has_effects { None } else { dispatch.recording.try_acquire().ok() };
            let held = Some((slot, with_handler)).filter(|_| recording.is_none());
            dispatch.settle(lease, verdict).await;
            drop((held, recording));
        });
    }

    /// Handles all ready updates, and returns when none is ready and none is running.
    pub async fn drain(self: &Arc<Self>) {
        loop {
            let changed = self.running.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let ended = self.running.state().ended;
            let Ok(slot) = self.slots.clone().acquire_owned().await else { return };
            let which = if self.has_room(Claimable::Any) { Claimable::Any } else { Claimable::CallsLeft };
            if self.claim(&self.slots, slot, which).await.is_none_or(|claimed| claimed > 0) {
                continue;
            }
            {
                let state = self.running.state();
                // An attempt that ended since may have made another update ready.
                if state.ended != ended {
                    continue;
                }
                if state.is_idle() {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Returns when no attempt is running.
    pub async fn idle(&self) {
        loop {
            let changed = self.running.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.running.state().is_idle() {
                return;
            }
            changed.await;
        }
    }
}
