//! Makes the calls of one update in order.

use jiff::Timestamp;

use super::counts::GiveUpReason;
use super::engine::Dispatch;
use super::lease_clock::Moment;
use super::pending_calls::PendingCalls;
use super::{schedule, spans, steps};
use crate::clock::{elapsed, later};
use crate::fail_points;
use crate::inbox::Verdict;
use crate::telegram::{ApiError, Call, Permit};
use crate::telemetry::Span;
use crate::update::Update;

/// The reason for calls that are left at the hard stop.
const STOPPED: &str = "the service was stopped";

impl Dispatch {
    /// Makes the calls in order. A call that cannot be made now is left for later, together with those after it. A call
    /// that Telegram refuses is not made again, and the next call follows.
    pub(super) async fn make_calls(
        &self,
        mut calls: PendingCalls,
        update: &Update,
        began: Moment,
        span: Option<&Span>,
    ) -> Verdict {
        while let Some(call) = calls.first() {
            let permit = tokio::select! {
                biased;
                permit = self.api.permit() => permit,
                () = self.shutdown.hard.cancelled() => return calls.later(self.clock.steady(), STOPPED),
            };
            let permit = match permit {
                Ok(permit) => permit,
                Err(at) => return calls.later(at.min(update.expires_at), "Telegram is not available"),
            };
            let now = Moment::of(&*self.clock);
            if !self.leases.is_valid(began, now) {
                return calls.later(now.steady, "its lease has lapsed, so another instance may have claimed it");
            }
            if call.unknown_outcomes >= self.api.unknown_outcome_attempts() {
                self.give_up_unknown(call, update);
                self.trail.record(update.id, || steps::given_up(call));
                calls.done();
                continue;
            }
            let span = span.map(|attempt| spans::start_call(attempt, call, now.now));
            let outcome = self.send(call, permit).await;
            self.trail
                .record(update.id, || steps::called(call, outcome.as_ref(), elapsed(now.steady, self.clock.steady())));
            match (span, &outcome) {
                (Some(span), Some(outcome)) => spans::end_call(span, outcome.as_ref().err(), self.clock.now()),
                (Some(span), None) => spans::release_call(span, self.clock.now()),
                (None, _) => {}
            }
            match outcome {
                Some(Ok(())) => {
                    fail_points::point("sent");
                    calls.done();
                }
                None => return calls.later(self.clock.steady(), STOPPED),
                Some(Err(error)) => {
                    if let Some(at) = self.after_error(&error, &mut calls, update) {
                        return calls.later(at.min(update.expires_at), error.to_string());
                    }
                }
            }
        }
        calls.finish()
    }

    /// Makes one call. Returns `None` at the hard stop. A call that was sent by then has an unknown outcome, which is
    /// counted. A call that was waiting for the rate limits was not sent.
    async fn send(&self, call: &mut Call, permit: Permit<'_>) -> Option<Result<(), ApiError>> {
        let turn = tokio::select! {
            biased;
            turn = self.api.turn(call, permit) => turn,
            () = self.shutdown.hard.cancelled() => return None,
        };
        let turn = match turn {
            Ok(_) if self.shutdown.hard.is_cancelled() => return None,
            Ok(turn) => turn,
            Err(too_soon) => return Some(Err(too_soon)),
        };
        tokio::select! {
            biased;
            outcome = turn.perform(call) => Some(outcome),
            () = self.shutdown.hard.cancelled() => {
                call.unknown_outcomes += 1;
                None
            }
        }
    }

    /// Decides what follows when the first call was not carried out, or its outcome is unknown. Returns when the calls
    /// must be continued, or `None` for at once.
    fn after_error(&self, error: &ApiError, calls: &mut PendingCalls, update: &Update) -> Option<Timestamp> {
        let (call, now) = (calls.first()?, self.clock.steady());
        match error {
            ApiError::Throttled { retry_after } => Some(later(now, *retry_after)),
            // 401 refuses the token and not the call. The call is made once the token is valid.
            ApiError::Unreachable { .. } | ApiError::Unreadable { .. } | ApiError::Refused { code: 401, .. } => {
                let away = || schedule::when_away(update, now, rand::random());
                Some(self.api.retry_at().unwrap_or_else(away))
            }
            ApiError::Unknown { .. } => {
                call.unknown_outcomes += 1;
                let left = self.api.unknown_outcome_attempts().saturating_sub(call.unknown_outcomes);
                (left > 0).then(|| schedule::when_unknown(update, now, left == 1, rand::random()))
            }
            ApiError::Refused { migrate_to_chat_id: Some(supergroup), .. } if calls.migrate(*supergroup) => None,
            ApiError::Refused { .. } | ApiError::NotAllowed { .. } => {
                self.after_refusal(error, calls, update);
                None
            }
        }
    }

    fn after_refusal(&self, error: &ApiError, calls: &mut PendingCalls, update: &Update) {
        let Some(call) = calls.first() else { return };
        if error.is_ordinary_refusal() {
            self.counts.given_up.of(GiveUpReason::Ordinary).inc();
            tracing::info!(
                update.id = update.id.0, chat = %update.chat_key, origin = call.origin(), method = call.method_name(), %error,
                "Telegram refused a call, as it does when a person has blocked the bot or when it is too late; \
                 the call is not made again"
            );
            calls.skip();
        } else {
            self.counts.given_up.of(GiveUpReason::Refused).inc();
            tracing::warn!(
                update.id = update.id.0, chat = %update.chat_key, origin = call.origin(), method = call.method_name(), %error,
                "a call was refused and is not made again; `doorbell dead` lists its update"
            );
            calls.refuse(error);
        }
    }

    fn give_up_unknown(&self, call: &Call, update: &Update) {
        self.counts.given_up.of(GiveUpReason::Unknown).inc();
        tracing::warn!(
            update.id = update.id.0, chat = %update.chat_key, origin = call.origin(), method = call.method_name(),
            sent = call.unknown_outcomes,
            "a call was sent several times and every answer was lost: it is given up. Telegram may have carried it out \
             once, several times or never"
        );
    }
}
