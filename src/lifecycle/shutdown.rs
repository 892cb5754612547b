use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::task::{Task, TaskEnd, TaskFailed};
use crate::fail_points;

/// Requests the stop of the service, and tracks the tasks for which a stop waits. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Cancelled at the soft stop: start nothing new, finish what runs.
    pub soft: CancellationToken,
    /// Cancelled at the hard stop: put back what still runs, and end.
    pub hard: CancellationToken,
    /// Every task of the service. A stop waits until all have ended.
    pub tasks: TaskTracker,
    first_failure: Arc<OnceLock<TaskFailed>>,
    /// The soft stop of the whole service, if `soft` is a later one.
    service_soft: Option<CancellationToken>,
}

impl Shutdown {
    /// A shutdown of which nothing is cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same shutdown with a soft stop of its own, for what must work longer than the rest. A hard stop ends it too.
    #[must_use]
    pub fn with_later_soft_stop(&self) -> Self {
        let service_soft = self.service_soft.clone().unwrap_or_else(|| self.soft.clone());
        Self { soft: CancellationToken::new(), service_soft: Some(service_soft), ..self.clone() }
    }

    /// Stops softly and hard at once.
    pub fn stop_hard(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    /// Starts a task that must run until the soft stop. If it ends earlier, or panics at any time, the service stops
    /// softly and [`Shutdown::failure`] names the task. The handle returns the result, or `None` after a panic.
    pub fn supervise<T: Send + 'static>(
        &self,
        task: Task,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        let shutdown = self.clone();
        self.tasks.spawn(async move {
            let result = shutdown.catch_panic(task, work).await;
            if result.is_some() && !shutdown.soft.is_cancelled() && !shutdown.hard.is_cancelled() {
                shutdown.task_failed(task, TaskEnd::Returned);
            }
            result
        })
    }

    /// Starts a task that may end at any time. If it panics, the service stops softly and [`Shutdown::failure`] names
    /// the task.
    pub fn supervise_job(&self, task: Task, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.clone();
        self.tasks.spawn(async move {
            shutdown.catch_panic(task, work).await;
        });
    }

    /// Runs `work`. A panic is recorded as the failure of `task`.
    async fn catch_panic<T>(&self, task: Task, work: impl Future<Output = T>) -> Option<T> {
        let work = async {
            fail_points::point_of("task", &task);
            work.await
        };
        let result = AssertUnwindSafe(work).catch_unwind().await;
        if result.is_err() {
            self.task_failed(task, TaskEnd::Panicked);
        }
        result.ok()
    }

    /// Records that a task failed, and stops the service softly. The first failure is the one that is reported: later
    /// ones follow from it.
    pub fn task_failed(&self, task: Task, end: TaskEnd) {
        let failed = TaskFailed { task, end };
        tracing::error!(
            task = task.name(),
            "{failed}: it stops and ends with exit status 1, so that the platform starts it again"
        );
        let _ = self.first_failure.set(failed);
        self.service_soft.as_ref().unwrap_or(&self.soft).cancel();
    }

    /// The failure for which the service stops, if there is one.
    #[must_use]
    pub fn failure(&self) -> Option<TaskFailed> {
        self.first_failure.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_early_or_panics_stops_the_service_and_is_named() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.supervise(Task::Listener, ready(7)).await.unwrap(), Some(7));
        assert!(shutdown.soft.is_cancelled() && !shutdown.hard.is_cancelled());
        assert_eq!(shutdown.failure(), Some(TaskFailed { task: Task::Listener, end: TaskEnd::Returned }));

        let shutdown = Shutdown::new();
        let panics = async { panic!("an error in the program") };
        assert_eq!(shutdown.supervise::<()>(Task::Dispatch, panics).await.unwrap(), None);
        let failure = shutdown.failure().unwrap();
        assert_eq!(failure.to_string(), "dispatch panicked, and the service cannot work without it");
        shutdown.task_failed(Task::Registrar, TaskEnd::Returned);
        assert_eq!(shutdown.failure(), Some(failure), "the first failure is reported");
    }

    #[tokio::test]
    async fn a_task_may_end_after_the_soft_stop_but_not_panic() {
        let shutdown = Shutdown::new();
        let soft = shutdown.soft.clone();
        let ends = shutdown.supervise(Task::Dispatch, async move { soft.cancelled().await });
        let aborted = shutdown.supervise(Task::Registrar, pending::<()>());
        aborted.abort();
        assert!(aborted.await.is_err() && shutdown.failure().is_none(), "an aborted task has not failed");
        shutdown.soft.cancel();
        ends.await.unwrap();
        assert_eq!(shutdown.failure(), None);
        shutdown.supervise::<()>(Task::LeaseRenewal, async { panic!("late") }).await.unwrap();
        assert_eq!(shutdown.failure().map(|failed| failed.task), Some(Task::LeaseRenewal));
    }

    #[tokio::test]
    async fn a_task_with_a_later_soft_stop_ends_by_it_or_by_a_hard_stop_and_its_failure_stops_the_service() {
        let shutdown = Shutdown::new();
        let later = shutdown.with_later_soft_stop();
        let soft = later.soft.clone();
        let works = later.supervise(Task::Gateway, async move { soft.cancelled().await });
        shutdown.soft.cancel();
        assert!(!later.soft.is_cancelled() && !works.is_finished());
        later.soft.cancel();
        assert_eq!((works.await.unwrap(), shutdown.failure()), (Some(()), None));

        let shutdown = Shutdown::new();
        shutdown.with_later_soft_stop().supervise::<()>(Task::Gateway, async { panic!("an error") }).await.unwrap();
        assert!(shutdown.soft.is_cancelled());
        assert_eq!(shutdown.failure().map(|failed| failed.task), Some(Task::Gateway));
    }

    #[tokio::test]
    async fn a_job_may_end_but_not_panic() {
        let shutdown = Shutdown::new();
        shutdown.supervise_job(Task::DatabaseWriter, ready(()));
        shutdown.tasks.close();
        shutdown.tasks.wait().await;
        assert_eq!(shutdown.failure(), None);
        shutdown.supervise_job(Task::DatabaseWriter, async { panic!("an error in the program") });
        shutdown.tasks.wait().await;
        assert_eq!(shutdown.failure().map(|failed| failed.end), Some(TaskEnd::Panicked));
    }
}
