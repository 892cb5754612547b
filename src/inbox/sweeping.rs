//! Forgets known ids in bounded steps. A step looks at some ids, in ascending order.

use std::sync::atomic::{AtomicI64, Ordering};

use super::error::InboxError;

/// What one step found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The last id that it looked at; `None` if there was none.
    pub(super) last: Option<i64>,
    /// How many ids it forgot.
    pub(super) forgotten: u64,
    /// How many ids are too young to forget.
    pub(super) young: u64,
}

impl Step {
    fn next(self) -> Option<i64> {
        self.last.and_then(|last| last.checked_add(1))
    }
}

/// A search through all ids that continues with the next sweep, at this id.
///
/// Ids grow with time, so old ids are mostly the lowest. But Telegram can start again with lower ids: then the lowest
/// ids are young, and a search that starts with them would not reach the old ones.
#[derive(Debug)]
pub(super) struct Sweeping(AtomicI64);

impl Sweeping {
    pub(super) fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// Sweeps from the lowest id, and then continues the search. `step` forgets old ids, starting with the id that it
    /// is given.
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
