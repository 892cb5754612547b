//! Many requests, one commit: requests that arrive while a batch is processed go into the next batch.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::sql::unavailable;
use crate::inbox::error::InboxError;
use crate::lifecycle::{Shutdown, Task};

/// The most jobs of a batch: enough to share a commit, and few enough to lock their chats only briefly.
const MAX_JOBS: usize = 500;
/// The most bytes of a batch. Its first job may be larger.
const MAX_BYTES: usize = 8 << 20;

/// Processes jobs in batches.
pub(super) trait BatchProcessor: Send + Sync + 'static {
    type Job: Send + Sync;
    type Answer: Send;

    /// Whether a job is dropped if its caller stopped waiting before the batch began.
    const DROP_ABANDONED: bool;

    fn queue(&self) -> &BatchQueue<Self::Job, Self::Answer>;

    /// The bytes that a job adds to its batch.
    fn size(job: &Self::Job) -> usize;

    /// Processes a batch, which is not empty. Returns one answer for each job, in the same order.
    fn process(&self, jobs: &[Self::Job]) -> impl Future<Output = Result<Vec<Self::Answer>, InboxError>> + Send;
}

/// Jobs that wait for their batch.
pub(super) struct BatchQueue<J, A>(Mutex<State<J, A>>);

struct State<J, A> {
    waiting: Vec<Waiting<J, A>>,
    /// Whether a task processes batches.
    running: bool,
}

struct Waiting<J, A> {
    job: J,
    reply: oneshot::Sender<Result<A, InboxError>>,
}

impl<J, A> Default for BatchQueue<J, A> {
    fn default() -> Self {
        Self(Mutex::new(State { waiting: Vec::new(), running: false }))
    }
}

/// Adds a job, and waits for its answer. A supervised task processes one batch after another and ends when none waits.
/// So jobs stay in order, and a caller that stops waiting does not interrupt a commit.
///
/// # Errors
///
/// The error of the batch.
pub(super) async fn submit<P: BatchProcessor>(
    processor: &Arc<P>,
    job: P::Job,
    shutdown: &Shutdown,
) -> Result<P::Answer, InboxError> {
    let (reply, answer) = oneshot::channel();
    let was_running = {
        let mut state = processor.queue().0.lock();
        state.waiting.push(Waiting { job, reply });
        mem::replace(&mut state.running, true)
    };
    if !was_running {
        shutdown.supervise_job(Task::DatabaseWriter, process_all(Arc::clone(processor)));
    }
    answer.await.unwrap_or_else(|_| Err(unavailable("the batch was given up")))
}

async fn process_all<P: BatchProcessor>(processor: Arc<P>) {
    let running = Running(processor.queue());
    while let Some(mut batch) = running.0.next(P::size) {
        if P::DROP_ABANDONED {
            batch.retain(|waiting| !waiting.reply.is_closed());
        }
        let (jobs, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|waiting| (waiting.job, waiting.reply)).unzip();
        if jobs.is_empty() {
            continue;
        }
        // A reply cannot be delivered to a caller that stopped waiting. The job is processed all the same.
        match processor.process(&jobs).await {
            Ok(answers) => {
                for (reply, answer) in replies.into_iter().zip(answers) {
                    let _ = reply.send(Ok(answer));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for reply in replies {
                    let _ = reply.send(Err(InboxError::Unavailable(error.clone())));
                }
            }
        }
    }
}

impl<J, A> BatchQueue<J, A> {
    /// The next batch. `None` if no job waits; the task ends then.
    fn next(&self, size: fn(&J) -> usize) -> Option<Vec<Waiting<J, A>>> {
        let mut state = self.0.lock();
        if state.waiting.is_empty() {
            state.running = false;
            return None;
        }
        let count = batch_len(state.waiting.iter().map(|waiting| size(&waiting.job)));
        let rest = state.waiting.split_off(count);
        Some(mem::replace(&mut state.waiting, rest))
    }
}

/// How many jobs of these sizes go into one batch: at least one.
fn batch_len(sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes: usize = 0;
    let fits = |size: &usize| {
        bytes = bytes.saturating_add(*size);
        bytes <= MAX_BYTES
    };
    sizes.take(MAX_JOBS).take_while(fits).count().max(1)
}

/// Resets the queue if the task panics, so that the next job starts a new one.
struct Running<'a, J, A>(&'a BatchQueue<J, A>);

impl<J, A> Drop for Running<'_, J, A> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.0.lock();
            state.running = false;
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_limited_in_jobs_and_bytes_and_is_never_empty() {
        let len = |sizes: &[usize]| batch_len(sizes.iter().copied());
        assert_eq!(len(&[1; MAX_JOBS + 1]), MAX_JOBS);
        assert_eq!(len(&[MAX_BYTES / 2, MAX_BYTES / 2, 1]), 2);
        assert_eq!(len(&[MAX_BYTES / 2, MAX_BYTES]), 1);
        assert_eq!(len(&[MAX_BYTES * 2, 0]), 1);
        assert_eq!(len(&[0, MAX_BYTES, 0]), 3);
    }
}
