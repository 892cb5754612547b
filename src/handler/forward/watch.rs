//! Watches the bot: tries to reach it while it is away, checks it while it gets no updates, and reads a new target.

use std::sync::Arc;

use super::availability::{Availability, Moment};
use super::client;
use super::engine::Forward;
use crate::clock::elapsed;

impl Forward {
    /// Watches the bot until the soft stop.
    pub async fn watch(self: Arc<Self>) {
        let mut targets = self.targets.subscribe();
        // The target may have changed since the forward was created.
        self.redirect();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the state is read, so that no change is missed.
            changed.as_mut().enable();
            let due = self.update(|availability, _| availability.next_at());
            let check = async {
                let Some(due) = due else { return std::future::pending().await };
                let wait = elapsed(self.clock.steady(), due);
                if !wait.is_zero() {
                    self.clock.sleep(wait).await;
                }
                self.check().await;
            };
            tokio::select! {
                biased;
                () = self.shutdown.soft.cancelled() => return,
                // The gateway holds a sender as long as this does.
                _ = targets.changed() => self.redirect(),
                () = changed => {}
                () = check => {}
            }
        }
    }

    /// Checks the bot, unless it has answered in the meantime.
    async fn check(&self) {
        let due = |availability: &mut Availability, at: Moment| {
            availability.pass(at);
            let is_due = availability.check_at().is_some_and(|due| due <= at.steady);
            availability.destination().filter(|_| is_due).cloned()
        };
        let Some(destination) = self.update(due) else { return };
        let taken = client::takes_connections(&destination, &self.clock).await;
        self.update(|availability, at| availability.checked(&destination, taken, at));
    }
}
