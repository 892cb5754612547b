//! What the page shows of the service that uses the sandbox.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::handle::Sandbox;
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

impl Sandbox {
    /// Shows this service on the page from now on.
    pub fn show_service(&self, service: ServiceView) {
        let (mut trail, mut status) = (service.trail.changes(), service.status.clone());
        self.shared.set_service(service);
        let shared = Arc::clone(&self.shared);
        self.shared.shutdown.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = changed(&mut trail) => {}
                    () = changed(&mut status) => {}
                    () = shared.shutdown.soft.cancelled() => return,
                }
                shared.touch();
            }
        });
    }
}

/// Returns when the value has changed, or never if there is none, or none any more.
async fn changed<T>(value: &mut Option<watch::Receiver<T>>) {
    if let Some(receiver) = value
        && receiver.changed().await.is_ok()
    {
        return;
    }
    *value = None;
    std::future::pending::<()>().await;
}
