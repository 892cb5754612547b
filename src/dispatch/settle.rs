//! Records the outcome of an attempt in the inbox, and reports it in the log and the counters.

use jiff::Timestamp;

use super::engine::{AFTER_A_FAILURE, Dispatch};
use crate::clock::{elapsed, later};
use crate::inbox::{InboxError, Lease, Verdict};
use crate::telemetry;
use crate::update::Update;

impl Dispatch {
    /// Records the verdict. It tries until the hard stop, because an update without a recorded outcome is handled again.
    pub(super) async fn settle(&self, lease: Lease, verdict: Verdict) {
        loop {
            match self.inbox.settle(lease, verdict.clone()).await {
                Ok(()) => {
                    if let Some(over) = self.storms.settle.over() {
                        tracing::info!(times = over.times, "outcomes of attempts are recorded again");
                    }
                    return;
                }
                Err(error @ (InboxError::LeaseLost(_) | InboxError::Unusable { .. })) => {
                    if matches!(error, InboxError::LeaseLost(_)) {
                        self.counts.leases_lost.inc();
                    }
                    tracing::warn!(update.id = lease.update_id.0, %error, "the outcome of an attempt was not recorded");
                    return;
                }
                Err(error) => {
                    if let Some(times) = self.storms.settle.event() {
                        tracing::warn!(
                            update.id = lease.update_id.0,
                            error = %telemetry::chain(&error),
                            times,
                            "the outcome of an attempt could not be recorded; trying again"
                        );
                    }
                }
            }
            tokio::select! {
                () = self.shutdown.hard.cancelled() => return,
                () = self.clock.sleep(AFTER_A_FAILURE) => {}
            }
        }
    }

    /// Counts the outcome of an attempt and logs it.
    pub(super) fn report(&self, update: &Update, attempt: u32, began: Timestamp, verdict: &Verdict) {
        let (id, chat, kind) = (update.id.0, update.chat_key, update.kind.name());
        let duration_ms = || u64::try_from(elapsed(began, self.clock.steady()).as_millis()).unwrap_or(u64::MAX);
        self.counts.attempts.of(verdict.kind()).inc();
        match verdict {
            Verdict::Done => {
                tracing::debug!(
                    update.id = id, update.kind = kind, %chat, attempt, duration_ms = duration_ms(), "update handled"
                );
            }
            Verdict::Retry { at, reason }
            | Verdict::Postpone { at, reason }
            | Verdict::CallsLeft { at, reason, .. } => {
                let at = later(self.clock.now(), elapsed(self.clock.steady(), *at));
                tracing::debug!(
                    update.id = id, update.kind = kind, %chat, attempt, duration_ms = duration_ms(), %at, reason,
                    "update will be tried again"
                );
                // While Telegram is away, the circuit breaker logs one line for all updates. So does a handler with a
                // capacity while its bot is away.
                let is_logged = if matches!(verdict, Verdict::Postpone { .. }) {
                    self.capacity.is_some()
                } else {
                    matches!(verdict, Verdict::CallsLeft { .. }) && self.api.retry_at().is_some()
                };
                if !is_logged && let Some(times) = self.storms.again.event() {
                    tracing::warn!(
                        update.id = id, update.kind = kind, %chat, attempt, %at, reason, times,
                        "updates will be tried again; the fields are those of the last one"
                    );
                }
            }
            Verdict::Dead { reason } | Verdict::Refused { reason, .. } => {
                tracing::error!(
                    update.id = id, update.kind = kind, %chat, attempt, duration_ms = duration_ms(), reason,
                    "update given up; `doorbell dead list` shows it"
                );
            }
            Verdict::Expired => {
                tracing::debug!(update.id = id, update.kind = kind, %chat, "update expired before it was handled");
                if let Some(times) = self.storms.expired.event() {
                    tracing::warn!(
                        update.id = id, update.kind = kind, %chat, times,
                        "updates expired before they were handled; the fields are those of the last one"
                    );
                }
            }
            Verdict::Released => {
                tracing::info!(
                    update.id = id, update.kind = kind, %chat,
                    "update put back into the inbox, because the service stops"
                );
            }
        }
    }
}
