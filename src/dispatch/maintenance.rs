//! Renews the leases of running attempts, and sweeps the inbox.

use std::time::Duration;

use super::engine::Dispatch;
use super::lease_clock::Moment;
use crate::inbox::{InboxError, LEASE, Lease};
use crate::telemetry;

/// How often leases are renewed. Two renewals may fail before a lease lapses.
const RENEW_EVERY: Duration = Duration::from_secs(LEASE.as_secs() / 3);
/// How often the inbox is swept.
const SWEEP_EVERY: Duration = RENEW_EVERY;

impl Dispatch {
    /// Renews the leases of running attempts until the hard stop.
    pub async fn maintain_leases(&self) {
        while self.pause(RENEW_EVERY).await {
            let leases: Vec<Lease> = self.running.state().leases.values().copied().collect();
            let requested = Moment::of(&*self.clock);
            let renewed = self.inbox.extend(&leases).await;
            self.log_maintenance(&renewed.inspect(|()| self.leases.renewed(requested)));
        }
    }

    /// Sweeps the inbox until the hard stop. It is a task apart from the renewal of leases, because a sweep can take
    /// longer than a lease lasts.
    pub async fn sweep_inbox(&self) {
        while self.pause(SWEEP_EVERY).await {
            self.log_maintenance(&self.inbox.sweep().await);
        }
    }

    fn log_maintenance(&self, result: &Result<(), InboxError>) {
        match result {
            Ok(()) => {
                let _ = self.storms.maintenance.over();
            }
            Err(error) => {
                if let Some(times) = self.storms.maintenance.event() {
                    tracing::warn!(
                        error = %telemetry::chain(error),
                        times,
                        "the maintenance of the inbox failed; trying again"
                    );
                }
            }
        }
    }

    /// Returns `true` after `pause`, or `false` at the hard stop.
    async fn pause(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.shutdown.hard.cancelled() => false,
            () = self.clock.sleep(pause) => true,
        }
    }
}
