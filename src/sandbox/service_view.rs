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
    /// What the service says about itself now, in the sentences of its log and its console.
    pub says: Option<Arc<dyn Fn() -> Vec<String> + Send + Sync>>,
    /// Changes with what the service says.
    pub changes: Option<watch::Receiver<u64>>,
    /// Kills the bot behind the service. `None` if the service runs none.
    pub kill_bot: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Explains why Telegram refuses a call, if this is known.
    pub explain: Option<fn(&str) -> Option<String>>,
}

impl fmt::Debug for ServiceView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServiceView").field("trail", &self.trail.is_on()).finish_non_exhaustive()
    }
}

impl ServiceView {
    /// What the service says about itself now.
    pub(super) fn sentences(&self) -> Vec<String> {
        self.says.as_ref().map(|says| says()).unwrap_or_default()
    }
}
