//! The event stream of the pages, and the task that samples the counters and notices changes.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::samples::INTERVAL;
use super::state::Console;

/// The shortest time between two changes that pages are told of.
const PAUSE: Duration = Duration::from_millis(250);

/// `GET /console/events`
pub(super) async fn stream(State(console): State<Arc<Console>>) -> Response {
    let changes = console.changes.subscribe();
    console.opened.notify_one();
    console.live.stream(changes)
}

impl Console {
    /// Samples the counters, and tells open pages of changes, until the soft stop.
    pub async fn watch(self: Arc<Self>, soft: CancellationToken) {
        let sampling = async {
            loop {
                self.samples.take(&self.deps);
                // The charts move, and what other instances did is seen.
                self.changed();
                self.deps.service.clock.sleep(INTERVAL).await;
            }
        };
        tokio::select! {
            () = soft.cancelled() => {}
            () = sampling => {}
            () = self.notice_changes() => {}
        }
    }

    async fn notice_changes(&self) {
        loop {
            // Without an open page nothing subscribes to the trail, which is then not slowed down.
            if self.changes.receiver_count() == 0 {
                self.opened.notified().await;
            }
            let service = &self.deps.service;
            let (mut registration, mut health) = (service.registration.clone(), service.webhook_health.clone());
            let (mut observed, mut handling) =
                (self.deps.registrar.changes(), self.deps.dispatch.pausing().subscribe());
            let (mut trail, mut bot) = (self.deps.trail.changes(), service.bot.as_ref().map(|bot| bot.status.clone()));
            while self.changes.receiver_count() > 0 {
                tokio::select! {
                    () = changed(Some(&mut registration)) => {}
                    () = changed(Some(&mut health)) => {}
                    () = changed(Some(&mut observed)) => {}
                    () = changed(Some(&mut handling)) => {}
                    () = changed(trail.as_mut()) => {}
                    () = changed(bot.as_mut()) => {}
                    () = service.clock.sleep(INTERVAL) => continue,
                }
                self.changed();
                service.clock.sleep(PAUSE).await;
            }
        }
    }
}

/// Returns at the next change of a value; never if there is none or it cannot change any more.
async fn changed<T>(value: Option<&mut watch::Receiver<T>>) {
    if let Some(value) = value
        && value.changed().await.is_ok()
    {
        return;
    }
    pending::<()>().await;
}
