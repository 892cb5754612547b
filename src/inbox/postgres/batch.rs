//! Many askers, one commit: whatever arrived while the last batch was under way goes into the next.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::lifecycle::{Shutdown, Task};

/// Jobs of one batch at most: enough to share a commit, few enough to lock chats briefly.
const JOBS: usize = 500;
/// Bytes of one batch at most, beside its first job.
const BYTES: usize = 8 << 20;

/// Jobs that wait for their batch.
pub(super) struct Batches<J> {
    jobs: Mutex<Jobs<J>>,
}

struct Jobs<J> {
    waiting: Vec<J>,
    under_way: bool,
}

impl<J> Default for Batches<J> {
    fn default() -> Self {
        Self { jobs: Mutex::new(Jobs { waiting: Vec::new(), under_way: false }) }
    }
}

/// Something that works batches off.
pub(super) trait Worker: Send + Sync + 'static {
    /// What it is asked.
    type Job: Send;

    fn batches(&self) -> &Batches<Self::Job>;

    /// Bytes that a job adds to its batch.
    fn weight(job: &Self::Job) -> usize;

    /// Works a batch off and answers every job of it.
    fn work_off(&self, jobs: Vec<Self::Job>) -> impl Future<Output = ()> + Send;
}

/// Adds a job. Batches are worked off one after another, in a task that ends when nothing waits: jobs
/// keep their order, and nobody's going away interrupts a commit.
pub(super) fn add<W: Worker>(worker: &Arc<W>, job: W::Job, shutdown: &Shutdown) {
    let begin = {
        let mut jobs = worker.batches().lock();
        jobs.waiting.push(job);
        !mem::replace(&mut jobs.under_way, true)
    };
    if begin {
        let worker = Arc::clone(worker);
        shutdown.supervise_job(Task::DatabaseWriter, async move {
            let under_way = UnderWay(worker.batches());
            while let Some(batch) = under_way.0.next(W::weight) {
                worker.work_off(batch).await;
            }
        });
    }
}

impl<J> Batches<J> {
    fn lock(&self) -> MutexGuard<'_, Jobs<J>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch; none when nothing waits, and then none is under way.
    fn next(&self, weight: fn(&J) -> usize) -> Option<Vec<J>> {
        let mut jobs = self.lock();
        if jobs.waiting.is_empty() {
            jobs.under_way = false;
            return None;
        }
        let mut bytes = 0;
        let fits = |job: &J| {
            let before = bytes;
            bytes += weight(job);
            before == 0 || bytes <= BYTES
        };
        let count = jobs.waiting.iter().take(JOBS).map(fits).take_while(|fits| *fits).count();
        let rest = jobs.waiting.split_off(count.max(1));
        Some(mem::replace(&mut jobs.waiting, rest))
    }
}

/// Whatever ends the task, a panic too, the next job begins another and finds nobody in its way.
struct UnderWay<'a, J>(&'a Batches<J>);

impl<J> Drop for UnderWay<'_, J> {
    fn drop(&mut self) {
        let mut jobs = self.0.lock();
        if jobs.under_way && std::thread::panicking() {
            jobs.under_way = false;
            jobs.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches_of(weights: &[usize]) -> Vec<usize> {
        let batches = Batches::default();
        batches.lock().waiting.extend(weights);
        std::iter::from_fn(|| batches.next(|weight| *weight)).map(|batch| batch.len()).collect()
    }

    #[test]
    fn a_batch_is_bounded_in_number_and_in_bytes_and_never_empty() {
        assert_eq!(batches_of(&[1; JOBS * 2 + 1]), [JOBS, JOBS, 1]);
        assert_eq!(batches_of(&[BYTES / 2, BYTES / 2, 1, BYTES * 2, 0]), [2, 1, 1, 1]);
        assert_eq!(batches_of(&[BYTES * 2, BYTES * 2]), [1, 1]);
    }
}
