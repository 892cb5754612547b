//! Starts tasks, and ends them in order: a soft stop first, a hard one when the grace is over. A part that fails stops
//! the service. An end that nobody ordered leaves nothing of the memory behind.

mod dumps;
mod signals;
mod supervision;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use dumps::leave_no_core_dump;
pub use signals::stop_on_signals;
use supervision::FirstFailure;
pub use supervision::{Ending, PartFailed};

/// How the service is told to stop, and what it waits for.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Begin nothing new; finish what runs.
    pub soft: CancellationToken,
    /// Let go of what still runs, unharmed.
    pub hard: CancellationToken,
    /// Every task of the service: stopping waits until they have ended.
    pub tasks: TaskTracker,
    failed: FirstFailure,
}

impl Shutdown {
    /// A service that nobody has told to stop.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Soft and hard at once: whatever runs is let go.
    pub fn stop_hard(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }
}
