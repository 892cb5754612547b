//! One attempt: the handler runs once, its calls are made in order, and a verdict results.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jiff::Timestamp;

use super::engine::Dispatch;
use super::lease_clock::Moment;
use super::pending_calls::PendingCalls;
use super::{schedule, spans, steps};
use crate::clock::{elapsed, later};
use crate::fail_points;
use crate::handler::{Context, HandlerError, Trigger};
use crate::humanize::times;
use crate::inbox::{Delivery, Lease, Verdict};
use crate::telegram::Call;
use crate::telemetry::{self, Span};
use crate::trail::Event;
use crate::update::Update;

impl Dispatch {
    /// Makes one attempt at a delivery. Returns the verdict with which it must be settled, and whether the attempt could
    /// have an effect that a crash repeats.
    pub(super) async fn attempt(&self, delivery: Delivery) -> (Verdict, bool) {
        let Delivery { update, attempt, revived, calls_left, crash_count, lease: _ } = delivery;
        let began = Moment::of(&*self.clock);
        let span = self.traces.of(update.id.0).map(|trace| spans::start_attempt(&trace, &update, attempt, began.now));
        self.trail.record(update.id, || Event::Started { attempt });
        fail_points::point("claimed");
        let mut has_effects = self.handler.has_side_effects();
        let is_too_old = calls_left.is_none() && !revived && self.is_too_old(&update, began.steady);
        let verdict = if update.expires_at <= began.steady || is_too_old {
            Verdict::Expired
        } else if crash_count >= self.settings.attempts {
            Verdict::Dead { reason: format!("the process died while handling it, {}", times(crash_count)) }
        } else {
            let calls = if let Some(calls) = calls_left {
                Ok(PendingCalls::stored(calls))
            } else {
                let context = self.context(attempt, revived, span.as_ref());
                self.handle(&update, &context, began.steady).await.map(PendingCalls::new)
            };
            match calls {
                Ok(calls) => {
                    has_effects |= !calls.is_empty();
                    self.make_calls(calls, &update, began, span.as_ref()).await
                }
                Err(verdict) => verdict,
            }
        };
        self.report(&update, attempt, began.steady, &verdict);
        self.trail.record(update.id, || steps::ended(&verdict, &*self.clock));
        if let Some(span) = span {
            spans::end_attempt(span, &verdict, self.clock.now());
        }
        (verdict, has_effects)
    }

    /// Whether the operator wants no more answers to updates of this kind and age.
    fn is_too_old(&self, update: &Update, now: Timestamp) -> bool {
        let max_age = self.settings.max_age.iter().find(|(kind, _)| *kind == update.kind);
        max_age.is_some_and(|(_, max_age)| elapsed(update.born_at(), now) >= *max_age)
    }

    fn context<'a>(&'a self, attempt: u32, revived: bool, span: Option<&'a Span>) -> Context<'a> {
        let trigger = match (attempt, revived) {
            (2.., _) => Trigger::Retry,
            (_, true) => Trigger::Replay,
            (_, false) => Trigger::First,
        };
        Context { attempt, trigger, traceparent: span.map(Span::traceparent), span, api: &self.api }
    }

    /// Runs the handler within its time limit, and catches a panic.
    async fn handle(&self, update: &Update, context: &Context<'_>, began: Timestamp) -> Result<Vec<Call>, Verdict> {
        fail_points::point_of("handling", &update.id);
        let limit = self.handler.time_limit().unwrap_or(self.settings.handler_timeout);
        let handled = AssertUnwindSafe(self.handler.handle(update, context)).catch_unwind();
        let took = || elapsed(began, self.clock.steady());
        let handled = handled.inspect(|_| self.counts.handler.observe(took().as_secs_f64()));
        let error = tokio::select! {
            biased;
            handled = handled => match handled {
                Ok(Ok(calls)) => {
                    fail_points::point("handled");
                    self.trail.record(update.id, || Event::Handled { calls: calls.len(), took: took() });
                    return Ok(calls);
                }
                Ok(Err(error)) => error,
                Err(panic) => HandlerError::Retry(telemetry::caught_panic(&*panic)),
            },
            () = self.clock.sleep(limit) => {
                self.counts.handler.observe(limit.as_secs_f64());
                HandlerError::Retry(format!("it took longer than {} s", limit.as_secs_f32()))
            }
            () = self.shutdown.hard.cancelled() => return Err(Verdict::Released),
        };
        self.trail.record(update.id, || Event::Failed { reason: error.to_string(), took: took() });
        Err(self.after_handler_error(&error, update, context.attempt))
    }

    fn after_handler_error(&self, error: &HandlerError, update: &Update, attempt: u32) -> Verdict {
        let reason = error.to_string();
        match error {
            HandlerError::Retry(_) => self.retry(attempt, update.expires_at, reason),
            // The capacity of the handler says when the update may be tried again.
            HandlerError::Unavailable(_) if self.capacity.is_some() => {
                Verdict::Postpone { at: self.clock.steady(), reason }
            }
            HandlerError::Unavailable(_) => {
                let at = schedule::when_away(update, self.clock.steady(), rand::random());
                Verdict::Postpone { at: at.min(update.expires_at), reason }
            }
            HandlerError::Reject(_) => Verdict::Dead { reason },
        }
    }

    /// The verdict after a panic outside the handler. Such a panic is an error in this program. It costs an attempt, so
    /// that an update which causes it every time becomes a dead-letter update.
    pub(super) fn after_panic(&self, lease: Lease, attempt: u32, expires_at: Timestamp) -> Verdict {
        let reason = "the service panicked while it handled the update".to_owned();
        tracing::error!(
            update.id = lease.update_id.0, chat = %lease.chat_key, attempt, reason,
            "an attempt failed; this is an error in the program"
        );
        let verdict = self.retry(attempt, expires_at, reason);
        self.counts.attempts.of(verdict.kind()).inc();
        self.trail.record(lease.update_id, || steps::ended(&verdict, &*self.clock));
        verdict
    }

    /// The verdict after a failed attempt that costs an attempt.
    fn retry(&self, attempt: u32, expires_at: Timestamp, reason: String) -> Verdict {
        if attempt >= self.settings.attempts {
            return Verdict::Dead { reason };
        }
        let wait = self.backoff.wait(attempt, rand::random());
        Verdict::Retry { at: later(self.clock.steady(), wait).min(expires_at), reason }
    }
}
