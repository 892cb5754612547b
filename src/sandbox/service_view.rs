//! What the page shows of the service that uses the sandbox.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::trail::Trail;

/// What the page shows of the service that uses the sandbox as Telegram. The default is nothing.
#[derive(Clone, Default)]
pub struct ServiceView {
    /// What the service did with each update.
    pub trail: Trail,
    /// The status of the registration in one sentence, as in the log and `/healthz`.
    pub status: Option<watch::Receiver<String>>,
    /// Kills the bot behind the service. `None` if the service runs none.
    pub kill_bot: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for ServiceView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServiceView").field("trail", &self.trail.is_on()).finish_non_exhaustive()
    }
}

impl ServiceView {
    /// The status of the registration.
    pub(super) fn sentence(&self) -> Option<String> {
        self.status.as_ref().map(|status| status.borrow().clone())
    }
}
