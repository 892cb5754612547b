//! The queue between those who use the inbox and the thread that writes.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::super::counts::Counts;
use super::super::error::InboxError;
use super::super::ready_queue::ReadyQueue;
use super::request::Request;
use super::store::Store;

/// Work on the file that is done between two commits.
pub(super) type Work = Box<dyn FnOnce(&mut Store, &Shared) + Send>;

/// All that was asked since the last commit.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) requests: Vec<Request>,
    pub(super) work: Vec<Work>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.work.is_empty()
    }
}

/// What the writer shares with those who use the inbox.
pub(super) struct Shared {
    pub(super) queue: ReadyQueue,
    /// Whether the last commit failed.
    pub(super) failing: AtomicBool,
    pub(super) counts: Arc<Counts>,
    pub(super) capacity: usize,
    pending: Mutex<Pending>,
    arrived: Condvar,
}

#[derive(Default)]
struct Pending {
    batch: Batch,
    closed: bool,
}

impl Shared {
    pub(super) fn new(queue: ReadyQueue, capacity: usize, counts: Arc<Counts>) -> Self {
        Self {
            queue,
            failing: AtomicBool::new(false),
            counts,
            capacity,
            pending: Mutex::default(),
            arrived: Condvar::new(),
        }
    }

    /// Asks the writer to commit a change.
    pub(super) fn request(&self, request: Request) -> Result<(), InboxError> {
        self.add(|batch| batch.requests.push(request))
    }

    /// Asks the writer's thread to do some work.
    pub(super) fn run(&self, work: Work) -> Result<(), InboxError> {
        self.add(|batch| batch.work.push(work))
    }

    fn add(&self, push: impl FnOnce(&mut Batch)) -> Result<(), InboxError> {
        let mut pending = self.pending.lock();
        if pending.closed {
            return Err(closed());
        }
        let was_empty = pending.batch.is_empty();
        push(&mut pending.batch);
        drop(pending);
        if was_empty {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Ends the writer after the work it was asked to do.
    pub(super) fn close(&self) {
        self.pending.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Rejects all further requests and drops those that wait. Whether [`Shared::close`] had been called.
    pub(super) fn abort(&self) -> bool {
        let mut pending = self.pending.lock();
        pending.batch = Batch::default();
        mem::replace(&mut pending.closed, true)
    }

    /// Waits for requests and takes all of them; the batch is empty if none came within `patience`. `None` after
    /// [`Shared::close`]. `empty` is an emptied batch, whose memory is used again.
    pub(super) fn next_batch(&self, mut empty: Batch, patience: Duration) -> Option<Batch> {
        let mut pending = self.pending.lock();
        let is_idle = |pending: &mut Pending| pending.batch.is_empty() && !pending.closed;
        self.arrived.wait_while_for(&mut pending, is_idle, patience);
        if pending.batch.is_empty() {
            return if pending.closed { None } else { Some(empty) };
        }
        // Others that are about to ask may do so first, so that one commit serves them too. If no other thread can run,
        // this returns at once.
        drop(pending);
        thread::yield_now();
        mem::swap(&mut self.pending.lock().batch, &mut empty);
        Some(empty)
    }
}

/// The error of an inbox whose writer has ended.
pub(super) fn closed() -> InboxError {
    InboxError::Unavailable(Arc::new(std::io::Error::other("the inbox is closed")))
}
