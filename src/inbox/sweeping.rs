//! What a sweep of a table of known ids looks at, in bounded steps.

use std::sync::atomic::{AtomicI64, Ordering};

use super::InboxError;

/// What a step found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The last id it looked at.
    pub(super) last: Option<i64>,
    /// How many it forgot.
    pub(super) forgotten: u64,
    /// How many had ended, but too lately.
    pub(super) young: u64,
}

impl Step {
    fn next(self) -> Option<i64> {
        self.last.and_then(|last| last.checked_add(1))
    }
}

/// Where the next sweep goes on with the search that passes by all ids.
///
/// Ids grow with time, so what is old is mostly in front. But Telegram can begin anew with lower ids: then
/// those are in front, and young, and hide what had higher ones.
#[derive(Debug)]
pub(super) struct Sweeping(AtomicI64);

impl Sweeping {
    pub(super) fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// Sweeps: `step` forgets what is old among some ids, from the one that it is told on.
    pub(super) async fn sweep<F: Future<Output = Result<Step, InboxError>>>(
        &self,
        steps: usize,
        step: impl Fn(i64) -> F,
    ) -> Result<(), InboxError> {
        let mut from = i64::MIN;
        for _ in 0..steps {
            let found = step(from).await?;
            match found.next() {
                Some(next) if found.forgotten > 0 || found.young == 0 => from = next,
                _ => break,
            }
        }
        for _ in 0..steps {
            let found = step(self.0.load(Ordering::Relaxed)).await?;
            self.0.store(found.next().unwrap_or(i64::MIN), Ordering::Relaxed);
            if found.forgotten == 0 {
                break;
            }
        }
        Ok(())
    }
}
