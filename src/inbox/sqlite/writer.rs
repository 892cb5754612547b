//! The one thread that writes. It takes all that was asked since its last commit, commits it together, and only then
//! moves the lanes on and answers.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;

use super::super::error::InboxError;
use super::queue::{Batch, Shared};
use super::request::{Change, Recorded, Request};
use super::store::Store;
use crate::clock::{SharedClock, elapsed};
use crate::fail_points;
use crate::lifecycle::{Shutdown, Task, TaskEnd};
use crate::telemetry::Storm;

/// How often the writer cleans up and checks for changes by other processes.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// Starts the writer's thread.
pub(super) fn start(store: Store, shared: Arc<Shared>, clock: SharedClock, shutdown: Shutdown) -> JoinHandle<()> {
    let thread = thread::Builder::new().name("inbox".to_owned());
    let started = thread.spawn(move || {
        // However the thread ends, no request may wait for it afterwards.
        let ending = Ending { shared: &shared, shutdown };
        let tidied_at = clock.steady();
        let [failing, untidy] = [(); 2].map(|()| Storm::new(Arc::clone(&clock)));
        let mut writer = Writer { store, shared: &shared, clock, tidied_at, failing, untidy };
        let mut batch = Batch::default();
        while let Some(next) = shared.next_batch(mem::take(&mut batch), TIDY_EVERY) {
            fail_points::point_of("task", &Task::SqliteWriter);
            batch = writer.process(next);
            writer.tidy_up();
        }
        if let Err(error) = writer.store.release(&*writer.clock) {
            tracing::warn!(%error, "the inbox was not closed cleanly; the next start treats this as a crash");
        }
        drop(ending);
    });
    started.expect("a thread can be started before anything else runs")
}

struct Ending<'a> {
    shared: &'a Shared,
    shutdown: Shutdown,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let asked = self.shared.abort();
        let how = if thread::panicking() { TaskEnd::Panicked } else { TaskEnd::Returned };
        if how == TaskEnd::Panicked || !asked {
            self.shutdown.task_failed(Task::SqliteWriter, how);
            // Attempts that still run could not be recorded.
            self.shutdown.stop_hard();
        }
    }
}

struct Writer<'a> {
    store: Store,
    shared: &'a Shared,
    clock: SharedClock,
    tidied_at: Timestamp,
    /// Batches that could not be committed.
    failing: Storm,
    /// Times at which tidying up failed.
    untidy: Storm,
}

impl Writer<'_> {
    /// Once a second, erases what has ended, records the clock's lag, and adopts updates that an operator has revived
    /// from another process.
    fn tidy_up(&mut self) {
        let now = self.clock.steady();
        if !self.store.is_owner() || elapsed(self.tidied_at, now) < TIDY_EVERY {
            return;
        }
        self.tidied_at = now;
        let adopted = self
            .store
            .erase()
            .and_then(|()| self.store.record_clock_lag(&*self.clock))
            .and_then(|()| self.store.adopt(&mut self.shared.queue.lanes(), now));
        match adopted {
            Ok(adopted) => {
                let _ = self.untidy.over();
                if adopted {
                    self.shared.queue.notify();
                }
            }
            Err(error) => {
                if let Some(times) = self.untidy.event() {
                    tracing::warn!(%error, times, "the inbox could not be tidied up; trying again");
                }
            }
        }
    }

    /// Commits the requests of a batch, then does its other work. Returns the emptied batch.
    fn process(&mut self, mut batch: Batch) -> Batch {
        if !batch.requests.is_empty() {
            self.commit(&mut batch.requests);
        }
        for work in batch.work.drain(..) {
            work(&mut self.store, self.shared);
        }
        batch
    }

    /// Commits the requests, and answers and removes them.
    fn commit(&mut self, requests: &mut Vec<Request>) {
        let room = self.shared.capacity.saturating_sub(self.shared.queue.lanes().open() + self.store.dead());
        if requests.iter().any(|request| matches!(request.change, Change::Accept(_))) {
            fail_points::point("before the commit");
        }
        if requests.iter().any(|request| matches!(request.change, Change::Settle(..))) {
            fail_points::point("before the outcome is recorded");
        }
        let begun = self.clock.steady();
        let committed = self.store.commit(requests, room, &*self.clock, &self.shared.counts);
        let took = elapsed(begun, self.clock.steady());
        self.shared.counts.record_commit(requests.len(), took, committed.is_ok());
        self.shared.failing.store(committed.is_err(), Ordering::Relaxed);
        match committed {
            Ok(results) => self.apply(requests, results),
            Err(error) => self.refuse(requests, error),
        }
    }

    /// Moves the lanes on after a commit, and answers.
    fn apply(&mut self, requests: &mut Vec<Request>, results: Vec<Recorded>) {
        if let Some(over) = self.failing.over() {
            let (batches, failing_s) = (over.times, over.lasted.as_secs());
            tracing::info!(batches, failing_s, "the inbox can be written again");
        }
        let mut replies = Vec::with_capacity(requests.len());
        let mut lanes = self.shared.queue.lanes();
        for (Request { change, reply }, recorded) in requests.drain(..).zip(results) {
            match change {
                Change::Accept(update) => {
                    if recorded == Recorded::Stored {
                        lanes.push(update);
                    }
                }
                Change::Settle(lease, verdict) => {
                    fail_points::point("after the outcome is recorded");
                    if verdict.calls().is_some() {
                        lanes.keep_calls(lease);
                    }
                    lanes.settle(lease, verdict.retry_at());
                }
            }
            replies.push((reply, recorded));
        }
        drop(lanes);
        fail_points::point("after the commit");
        self.shared.queue.notify();
        for (reply, recorded) in replies {
            // A caller that has gone away needs no answer: the change is in the file.
            let _ = reply.send(Ok(recorded));
        }
    }

    /// Reports to all requests that the commit failed. What was claimed stays claimed.
    fn refuse(&mut self, requests: &mut Vec<Request>, error: rusqlite::Error) {
        if let Some(batches) = self.failing.event() {
            tracing::error!(%error, batches, "the inbox could not be written; nothing in these batches was acknowledged");
        }
        let (error, until) = (Arc::new(error), self.shared.queue.lease_end());
        for Request { change, reply } in requests.drain(..) {
            if let Change::Settle(lease, _) = change {
                self.shared.queue.lanes().abort_settling(lease, until);
            }
            let _ = reply.send(Err(InboxError::Unavailable(error.clone())));
        }
    }
}
