//! One attempt: the handler once, then its calls in order, then the verdict.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jiff::Timestamp;

use super::calls::Work;
use super::{AFTER_A_FAILURE, Dispatch, Moment, schedule, spans};
use crate::clock::{elapsed, later};
use crate::fail;
use crate::handler::HandlerError;
use crate::inbox::{Delivery, InboxError, Lease, Verdict};
use crate::telegram::Call;
use crate::telemetry;
use crate::update::Update;
use crate::wording::times;

impl Dispatch {
    /// Makes one attempt at a delivery; returns how it is to be settled.
    pub(super) async fn attempt(&self, delivery: Delivery) -> (Lease, Verdict) {
        let Delivery { update, attempt, lease, calls_left, crash_count } = delivery;
        let begun = Moment::of(&*self.clock);
        let span = self.traces.of(update.id.0).map(|trace| spans::attempt(&trace, &update, attempt, begun.now));
        fail::point("claimed");
        let verdict = if update.expires_at <= begun.steady {
            Verdict::Expired
        } else if crash_count >= self.settings.attempts {
            Verdict::Dead { reason: format!("the process died while handling it, {}", times(crash_count)) }
        } else {
            let work = match calls_left {
                Some(calls) => Ok(Work::kept(calls)),
                None => self.handle(&update, attempt, begun.steady).await.map(Work::new),
            };
            match work {
                Ok(work) => self.make(work, &update, begun, span.as_ref()).await,
                Err(verdict) => verdict,
            }
        };
        self.report(&update, attempt, begun.steady, &verdict);
        if let Some(span) = span {
            spans::attempted(span, &verdict, self.clock.now());
        }
        (lease, verdict)
    }

    /// Runs the handler within its time limit; a panic is caught.
    async fn handle(&self, update: &Update, attempt: u32, begun: Timestamp) -> Result<Vec<Call>, Verdict> {
        fail::point_of("handling", &update.id);
        let handled = AssertUnwindSafe(self.handler.handle(update)).catch_unwind();
        let took = || elapsed(begun, self.clock.steady()).as_secs_f64();
        let handled = handled.inspect(|_| self.counts.handler.observe(took()));
        let error = tokio::select! {
            biased;
            handled = handled => match handled {
                Ok(Ok(calls)) => {
                    fail::point("handled");
                    return Ok(calls);
                }
                Ok(Err(error)) => error,
                Err(panic) => HandlerError::Retry(telemetry::caught_panic(&*panic)),
            },
            () = self.clock.sleep(self.settings.handler_timeout) => {
                self.counts.handler.observe(self.settings.handler_timeout.as_secs_f64());
                HandlerError::Retry(format!("it took longer than {} s", self.settings.handler_timeout.as_secs_f32()))
            }
            () = self.shutdown.hard.cancelled() => return Err(Verdict::Released),
        };
        Err(self.after(&error, update, attempt))
    }

    /// What follows from a handler's failure.
    fn after(&self, error: &HandlerError, update: &Update, attempt: u32) -> Verdict {
        let reason = error.to_string();
        let now = self.clock.steady();
        match error {
            HandlerError::Retry(_) if attempt >= self.settings.attempts => Verdict::Dead { reason },
            HandlerError::Retry(_) => {
                let wait = schedule::after_failure(&self.settings.backoff, attempt, rand::random());
                Verdict::Retry { at: later(now, wait).min(update.expires_at), reason }
            }
            HandlerError::Unavailable(_) => {
                Verdict::Postpone { at: when_back(update, now).min(update.expires_at), reason }
            }
            HandlerError::Reject(_) => Verdict::Dead { reason },
        }
    }

    /// Records the verdict, for as long as it takes: what was done must not be done again.
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

    fn report(&self, update: &Update, attempt: u32, begun: Timestamp, verdict: &Verdict) {
        let (id, chat, kind) = (update.id.0, update.chat_key, update.kind.name());
        let duration_ms = || u64::try_from(elapsed(begun, self.clock.steady()).as_millis()).unwrap_or(u64::MAX);
        self.counts.attempts.of(verdict.kind()).inc();
        match verdict {
            Verdict::Done => {
                tracing::debug!(update.id = id, update.kind = kind, %chat, attempt, duration_ms = duration_ms(), "update handled");
            }
            Verdict::Retry { at, reason }
            | Verdict::Postpone { at, reason }
            | Verdict::CallsLeft { at, reason, .. } => {
                let at = later(self.clock.now(), elapsed(self.clock.steady(), *at));
                tracing::debug!(update.id = id, update.kind = kind, %chat, attempt, duration_ms = duration_ms(), %at, reason, "update to be tried again");
                // Of an absence of Telegram one line tells, for all updates.
                let told = matches!(verdict, Verdict::CallsLeft { .. }) && self.api.again_at().is_some();
                if !told && let Some(times) = self.storms.again.event() {
                    tracing::warn!(
                        update.id = id, update.kind = kind, %chat, attempt, %at, reason, times,
                        "updates are to be tried again; the fields are those of the last one"
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
                tracing::info!(update.id = id, update.kind = kind, %chat, "update put back: the service stops");
            }
        }
    }
}

/// When somebody who is away now is asked again.
pub(super) fn when_back(update: &Update, now: Timestamp) -> Timestamp {
    later(now, schedule::while_away(elapsed(update.received_at, now), rand::random()))
}
