use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use tokio::task::JoinHandle;

use super::Shutdown;

/// The first part of the service that failed, if one has.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstFailure(Arc<OnceLock<PartFailed>>);

/// A part of the service panicked, or ended although nobody had told the service to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} {how}, and the service cannot work without it")]
pub struct PartFailed {
    /// Which part, such as "the listener".
    pub part: &'static str,
    /// What it did.
    pub how: Ending,
}

/// How a part of the service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its task panicked; the log says where.
    Panicked,
    /// It ended by itself.
    Ended,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Panicked => "panicked",
            Self::Ended => "ended by itself",
        })
    }
}

impl Shutdown {
    /// Runs a part that must not end before the soft stop. If it does, or panics at any time, the service stops softly
    /// and [`Shutdown::failure`] names it. What the part came to; `None` when it panicked.
    pub fn supervise<T: Send + 'static>(
        &self,
        part: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        let shutdown = self.clone();
        self.tasks.spawn(async move {
            let ended = AssertUnwindSafe(work).catch_unwind().await;
            if ended.is_err() {
                shutdown.part_failed(part, Ending::Panicked);
            } else if !shutdown.soft.is_cancelled() {
                shutdown.part_failed(part, Ending::Ended);
            }
            ended.ok()
        })
    }

    /// Runs work of a part that may end at any time, and must not panic: then the service stops softly and
    /// [`Shutdown::failure`] names the part.
    pub fn supervise_work(&self, part: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.clone();
        self.tasks.spawn(async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                shutdown.part_failed(part, Ending::Panicked);
            }
        });
    }

    /// Notes that a part failed, and tells the service to stop softly. The first one is what is reported.
    pub fn part_failed(&self, part: &'static str, how: Ending) {
        let failed = PartFailed { part, how };
        tracing::error!(part, "{failed}: it stops and ends with exit status 1, so that the platform starts it again");
        // Those that fail after it fail because of it.
        let _ = self.failed.0.set(failed);
        self.soft.cancel();
    }

    /// The part because of which the service stops, if there is one.
    #[must_use]
    pub fn failure(&self) -> Option<PartFailed> {
        self.failed.0.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_unasked_or_panics_stops_the_service_and_is_named() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.supervise("the listener", ready(7)).await.unwrap(), Some(7));
        assert!(shutdown.soft.is_cancelled() && !shutdown.hard.is_cancelled());
        assert_eq!(shutdown.failure(), Some(PartFailed { part: "the listener", how: Ending::Ended }));

        let shutdown = Shutdown::new();
        let panics = async { panic!("an error in the program") };
        assert_eq!(shutdown.supervise::<()>("dispatch", panics).await.unwrap(), None);
        let failure = shutdown.failure().unwrap();
        assert_eq!(failure.to_string(), "dispatch panicked, and the service cannot work without it");
        shutdown.part_failed("the registrar", Ending::Ended);
        assert_eq!(shutdown.failure(), Some(failure), "the first one is the cause");
    }

    #[tokio::test]
    async fn a_part_that_ends_when_it_is_told_to_is_no_failure_and_a_panic_then_is_one() {
        let shutdown = Shutdown::new();
        let soft = shutdown.soft.clone();
        let ends = shutdown.supervise("dispatch", async move { soft.cancelled().await });
        let cut = shutdown.supervise("the registrar", pending::<()>());
        cut.abort();
        assert!(cut.await.is_err() && shutdown.failure().is_none(), "a task that is cut off has not ended by itself");
        shutdown.soft.cancel();
        ends.await.unwrap();
        assert_eq!(shutdown.failure(), None);
        shutdown.supervise::<()>("the upkeep", async { panic!("late") }).await.unwrap();
        assert_eq!(shutdown.failure().map(|failed| failed.part), Some("the upkeep"));
    }

    #[tokio::test]
    async fn work_may_end_and_may_not_panic() {
        let shutdown = Shutdown::new();
        shutdown.supervise_work("the database", ready(()));
        shutdown.tasks.close();
        shutdown.tasks.wait().await;
        assert_eq!(shutdown.failure(), None);
        shutdown.supervise_work("the database", async { panic!("an error in the program") });
        shutdown.tasks.wait().await;
        assert_eq!(shutdown.failure().map(|failed| failed.how), Some(Ending::Panicked));
    }
}
