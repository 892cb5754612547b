use std::sync::Arc;

use tokio::sync::watch;

use super::handle::Sandbox;
use super::service_view::ServiceView;

impl Sandbox {
    /// Shows this service on the page from now on.
    pub fn show_service(&self, service: ServiceView) {
        let (mut trail, mut says) = (service.trail.changes(), service.changes.clone());
        self.shared.set_service(service);
        let shared = Arc::clone(&self.shared);
        self.shared.shutdown.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = changed(&mut trail) => {}
                    () = changed(&mut says) => {}
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
