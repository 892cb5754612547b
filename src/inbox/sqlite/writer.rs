//! The one thread that writes: takes all that has been asked meanwhile, commits it at once, and
//! only then moves the lanes on and answers.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;

use super::super::lanes::{Lanes, Move};
use super::super::order::Order;
use super::super::{Accepted, Counts, InboxError, LEASE, Lease, Verdict};
use super::answers::{Answers, Reply};
use super::journal::{Entry, Journal};
use crate::clock::{SharedClock, elapsed, later};
use crate::fail;
use crate::lifecycle::{Shutdown, Task, TaskEnd};
use crate::telemetry::Storm;
use crate::update::Update;

/// Bytes of bodies that may wait in memory; what comes beyond is read back from the file.
const FRESH_LIMIT: usize = 16 << 20;

/// How often the writer looks whether another process has changed the file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

type Work = Box<dyn FnOnce(&mut Journal, &Shared) + Send>;

/// Something asked of the writer.
pub(super) enum Job {
    Accept { update: Update, reply: Reply<Accepted> },
    Settle { lease: Lease, verdict: Verdict, reply: Reply<()> },
    Run(Work),
}

/// What the writer shares with those who ask.
pub(super) struct Shared {
    pub(super) order: Order,
    /// Whether the last commit failed, so that the next would have to show that it does not.
    pub(super) failing: AtomicBool,
    pub(super) counts: Arc<Counts>,
    capacity: usize,
    jobs: Mutex<Jobs>,
    arrived: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: Vec<Job>,
    closed: bool,
}

impl Shared {
    pub(super) fn new(capacity: usize, counts: Arc<Counts>) -> Self {
        Self {
            order: Order::new(Lanes::new(FRESH_LIMIT)),
            failing: AtomicBool::new(false),
            counts,
            capacity,
            jobs: Mutex::default(),
            arrived: Condvar::new(),
        }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a job to the writer.
    pub(super) fn enqueue(&self, job: Job) -> Result<(), InboxError> {
        let first = {
            let mut jobs = self.jobs();
            if jobs.closed {
                return Err(closed());
            }
            jobs.waiting.push(job);
            jobs.waiting.len() == 1
        };
        if first {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Ends the writer once it has done what was asked of it.
    pub(super) fn close(&self) {
        self.jobs().closed = true;
        self.arrived.notify_one();
    }

    /// Waits for jobs and takes all there are, which may be none after a while; nothing when it is
    /// over.
    fn next_batch(&self, mut empty: Vec<Job>) -> Option<Vec<Job>> {
        let idle = |jobs: &mut Jobs| jobs.waiting.is_empty() && !jobs.closed;
        let (mut jobs, _) =
            self.arrived.wait_timeout_while(self.jobs(), LOOK_EVERY, idle).unwrap_or_else(PoisonError::into_inner);
        if jobs.waiting.is_empty() && jobs.closed {
            return None;
        }
        if !jobs.waiting.is_empty() {
            // Whoever else is about to ask may do so first: one commit then serves them all. With
            // nobody else to run this returns at once.
            drop(jobs);
            thread::yield_now();
            jobs = self.jobs();
        }
        mem::swap(&mut jobs.waiting, &mut empty);
        Some(empty)
    }
}

/// Starts the writer's thread.
pub(super) fn start(journal: Journal, shared: Arc<Shared>, clock: SharedClock, shutdown: Shutdown) -> JoinHandle<()> {
    let thread = thread::Builder::new().name("inbox".to_owned());
    let started = thread.spawn(move || {
        // However the thread ends, nobody may wait for it afterwards.
        let ending = Ending { shared: &shared, shutdown };
        let looked_at = clock.steady();
        let [failing, untidy] = [(); 2].map(|()| Storm::new(Arc::clone(&clock)));
        let mut writer = Writer { journal, shared: &shared, clock, looked_at, failing, untidy };
        let mut batch = Vec::new();
        while let Some(jobs) = shared.next_batch(mem::take(&mut batch)) {
            fail::point_of("task", &Task::SqliteWriter);
            batch = writer.work_off(jobs);
            writer.tidy_up();
        }
        if let Err(error) = writer.journal.let_go(&*writer.clock) {
            tracing::warn!(%error, "the inbox could not be closed in good order; the next start is more careful");
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
        let asked = {
            let mut jobs = self.shared.jobs();
            jobs.waiting.clear();
            mem::replace(&mut jobs.closed, true)
        };
        let how = if thread::panicking() { TaskEnd::Panicked } else { TaskEnd::Returned };
        if how == TaskEnd::Panicked || !asked {
            self.shutdown.task_failed(Task::SqliteWriter, how);
            // Nothing that still runs could be recorded.
            self.shutdown.stop_hard();
        }
    }
}

struct Writer<'a> {
    journal: Journal,
    shared: &'a Shared,
    clock: SharedClock,
    looked_at: Timestamp,
    /// Batches that could not be committed.
    failing: Storm,
    /// Times at which it could not be tidied up.
    untidy: Storm,
}

impl Writer<'_> {
    /// Once in a while, erases what has ended, writes down what the clock shows, and takes up what an operator
    /// has revived from another process.
    fn tidy_up(&mut self) {
        let now = self.clock.steady();
        if !self.journal.is_owner() || elapsed(self.looked_at, now) < LOOK_EVERY {
            return;
        }
        self.looked_at = now;
        let taken_up = self
            .journal
            .erase()
            .and_then(|()| self.journal.look_at_the_clock(&*self.clock))
            .and_then(|()| self.journal.take_up(&mut self.shared.order.lanes(), now));
        match taken_up {
            Ok(changed) => {
                let _ = self.untidy.over();
                if changed {
                    self.shared.order.changed();
                }
            }
            Err(error) => {
                if let Some(times) = self.untidy.event() {
                    tracing::warn!(%error, times, "the inbox could not be tidied up; trying again");
                }
            }
        }
    }

    /// Does all jobs of a batch: one commit for what changes the journal, then the rest. Returns
    /// the emptied vector.
    fn work_off(&mut self, mut jobs: Vec<Job>) -> Vec<Job> {
        let room = self.shared.capacity.saturating_sub(self.shared.order.lanes().open() + self.journal.dead());
        if jobs.iter().any(|job| matches!(job, Job::Accept { .. })) {
            fail::point("before the commit");
        }
        if jobs.iter().any(|job| matches!(job, Job::Settle { .. })) {
            fail::point("before the outcome is recorded");
        }
        let updates = jobs.iter().filter(|job| !matches!(job, Job::Run(_))).count();
        let begun = self.clock.steady();
        let committed = self.journal.commit(&jobs, room, &*self.clock, &self.shared.counts);
        if updates > 0 {
            self.shared.counts.committed(updates, elapsed(begun, self.clock.steady()), committed.is_ok());
        }
        self.shared.failing.store(committed.is_err(), Ordering::Relaxed);
        let (mut answers, mut others) = (Answers::with_capacity(jobs.len()), Vec::new());
        match committed {
            Ok(entries) => {
                if let Some(over) = self.failing.over() {
                    tracing::info!(
                        batches = over.times,
                        failing_s = over.lasted.as_secs(),
                        "the inbox can be written again"
                    );
                }
                let mut lanes = self.shared.order.lanes();
                for (job, entry) in jobs.drain(..).zip(entries) {
                    match job {
                        Job::Accept { update, reply } => {
                            let accepted = match entry {
                                Entry::Stored => {
                                    lanes.push(update);
                                    Ok(Accepted::Stored)
                                }
                                Entry::Known => Ok(Accepted::Known),
                                Entry::Refused => Err(InboxError::Full { capacity: self.shared.capacity }),
                            };
                            answers.accepted(reply, accepted);
                        }
                        Job::Settle { lease, verdict, reply } => {
                            fail::point("after the outcome is recorded");
                            lanes.settle(lease, step(&verdict));
                            answers.settled(reply, Ok(()));
                        }
                        Job::Run(work) => others.push(work),
                    }
                }
                drop(lanes);
                fail::point("after the commit");
                self.shared.order.changed();
            }
            Err(error) => {
                if let Some(batches) = self.failing.event() {
                    tracing::error!(%error, batches, "the inbox could not be written; nothing of these batches was acknowledged");
                }
                let error = Arc::new(error);
                let until = later(self.clock.steady(), LEASE);
                for job in jobs.drain(..) {
                    match job {
                        Job::Accept { reply, .. } => {
                            answers.accepted(reply, Err(InboxError::Unavailable(error.clone())));
                        }
                        Job::Settle { lease, reply, .. } => {
                            self.shared.order.lanes().end_settling(lease, until);
                            answers.settled(reply, Err(InboxError::Unavailable(error.clone())));
                        }
                        Job::Run(work) => others.push(work),
                    }
                }
            }
        }
        answers.give();
        for work in others {
            work(&mut self.journal, self.shared);
        }
        jobs
    }
}

/// What a verdict does to the lane of its update.
fn step(verdict: &Verdict) -> Move {
    match verdict {
        Verdict::Retry { at, .. } | Verdict::Postpone { at, .. } | Verdict::CallsLeft { at, .. } => {
            Move::Again { at: *at }
        }
        Verdict::Done | Verdict::Dead { .. } | Verdict::Refused { .. } | Verdict::Expired | Verdict::Released => {
            Move::Gone
        }
    }
}

/// The error of an inbox whose writer has ended.
pub(super) fn closed() -> InboxError {
    InboxError::Unavailable(Arc::new(std::io::Error::other("the inbox is closed")))
}

/// The error of a store that cannot be used now.
pub(super) fn unavailable(error: rusqlite::Error) -> InboxError {
    InboxError::Unavailable(Arc::new(error))
}
