//! The dependencies of a store.

use std::sync::Arc;

use super::counts::Counts;
use crate::clock::SharedClock;
use crate::lifecycle::Shutdown;

/// The service's clock, stop and metrics.
pub(super) struct Deps {
    pub(super) clock: SharedClock,
    pub(super) shutdown: Shutdown,
    pub(super) counts: Arc<Counts>,
}

impl Deps {
    /// What an operator's command needs: no stop is signalled to it, and its metrics are not read.
    pub(super) fn for_operator(clock: SharedClock) -> Self {
        Self { clock, shutdown: Shutdown::new(), counts: Arc::default() }
    }
}
