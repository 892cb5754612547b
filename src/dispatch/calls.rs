//! Makes the calls of one update, in order, and says what is left of them.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::attempt::when_back;
use super::{Dispatch, GivenUp, Moment, schedule, spans};
use crate::clock::{elapsed, later};
use crate::fail;
use crate::inbox::Verdict;
use crate::telegram::{ApiError, Call, Pass};
use crate::telemetry::Span;
use crate::update::Update;

/// Why calls are left when the service stops.
const STOPPED: &str = "the service was stopped";

/// The calls of one update.
pub(super) struct Work {
    /// Calls that have to be made, in order.
    left: VecDeque<Call>,
    /// Calls that Telegram refused, with the reason in each.
    refused: Vec<Call>,
    /// Whether the handler could be run again without repeating anything: nothing has been carried out.
    nothing_done: bool,
    /// Whether its group has become a supergroup during this attempt.
    moved: bool,
}

impl Work {
    /// What a handler has returned just now.
    pub(super) fn new(calls: Vec<Call>) -> Self {
        Self { left: calls.into(), refused: Vec::new(), nothing_done: true, moved: false }
    }

    /// What an earlier attempt has left.
    pub(super) fn kept(calls: Vec<Call>) -> Self {
        let (refused, left): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| call.refused.is_some());
        Self { left: left.into(), refused, nothing_done: false, moved: false }
    }

    /// The first call is over, however it ended.
    fn next(&mut self) {
        self.left.pop_front();
        self.nothing_done = false;
    }

    /// The first call is refused. It is not made again, and remembered until the others are made.
    fn refuse(&mut self, error: &ApiError) {
        let Some(mut call) = self.left.pop_front() else { return };
        call.refused = Some(format!("{}, {}: {error}", call.origin(), call.method_name()));
        self.refused.push(call);
    }

    /// What is left is made later.
    fn later(self, at: Timestamp, reason: impl Into<String>) -> Verdict {
        let calls = self.refused.into_iter().chain(self.left).collect();
        Verdict::CallsLeft { calls, at, reason: reason.into() }
    }

    /// Nothing is left to make. An update with a refused call is dead: somebody has to mend something. Where
    /// nothing has been carried out, a revived one is handled anew, by what is mended by then; else only
    /// what was refused is made again.
    fn finish(self) -> Verdict {
        let Some(reason) = self.refused.first().and_then(|call| call.refused.clone()) else { return Verdict::Done };
        let reason = match self.refused.len() - 1 {
            0 => reason,
            more => format!("{reason} (and {more} more of its calls)"),
        };
        if self.nothing_done {
            return Verdict::Dead { reason };
        }
        let calls = self.refused.into_iter().map(|call| Call { refused: None, ..call }).collect();
        Verdict::Refused { calls, reason }
    }

    /// Turns the first call, and the others for its chat, to the supergroup that the chat has become.
    fn follow(&mut self, to: i64) {
        self.moved = true;
        let Some(from) = self.left.front().and_then(|call| call.params.get("chat_id")).cloned() else { return };
        tracing::info!(chat = %from, supergroup = to, "a group became a supergroup: its calls follow it");
        for call in &mut self.left {
            call.follow(&from, to);
        }
    }
}

impl Dispatch {
    /// Makes calls in order. What cannot be made now is left for later; what Telegram refuses is not made
    /// again, and the next call is made.
    pub(super) async fn make(&self, mut work: Work, update: &Update, begun: Moment, span: Option<&Span>) -> Verdict {
        while let Some(call) = work.left.front_mut() {
            let pass = tokio::select! {
                biased;
                pass = self.api.pass() => pass,
                () = self.shutdown.hard.cancelled() => return work.later(self.clock.steady(), STOPPED),
            };
            let pass = match pass {
                Ok(pass) => pass,
                Err(at) => return work.later(at.min(update.expires_at), "Telegram is not available"),
            };
            let now = Moment::of(&*self.clock);
            if !self.hold.is_good(begun, now) {
                return work.later(now.steady, "its lease was over: somebody else may have it");
            }
            if call.unknown_outcomes >= self.api.unknown_outcome_attempts() {
                self.give_up_unknown(call, update);
                work.next();
                continue;
            }
            let span = span.map(|attempt| spans::call(attempt, call, now.now));
            let made = self.send(call, pass).await;
            match (span, &made) {
                (Some(span), Some(made)) => spans::called(span, made.as_ref().err(), self.clock.now()),
                (Some(span), None) => spans::let_go(span, self.clock.now()),
                (None, _) => {}
            }
            match made {
                Some(Ok(())) => {
                    fail::point("sent");
                    work.next();
                }
                None => return work.later(self.clock.steady(), STOPPED),
                Some(Err(error)) => {
                    if let Some(at) = self.after_call(&error, &mut work, update, self.clock.steady()) {
                        return work.later(at.min(update.expires_at), error.to_string());
                    }
                }
            }
        }
        work.finish()
    }

    /// Makes one call, or nothing at the hard stop. What is sent by then has an unknown outcome, and counts as a
    /// send; a call that still waits for its turn does not.
    async fn send(&self, call: &mut Call, pass: Pass<'_>) -> Option<Result<(), ApiError>> {
        let turn = tokio::select! {
            biased;
            turn = self.api.turn(call, pass) => turn,
            () = self.shutdown.hard.cancelled() => return None,
        };
        let turn = match turn {
            Ok(_) if self.shutdown.hard.is_cancelled() => return None,
            Ok(turn) => turn,
            Err(too_soon) => return Some(Err(too_soon)),
        };
        tokio::select! {
            biased;
            made = turn.perform(call) => Some(made),
            () = self.shutdown.hard.cancelled() => {
                call.unknown_outcomes += 1;
                None
            }
        }
    }

    /// What follows when the first call was not carried out, or nobody knows: when to go on with it, if not
    /// at once.
    fn after_call(&self, error: &ApiError, work: &mut Work, update: &Update, now: Timestamp) -> Option<Timestamp> {
        let call = work.left.front_mut()?;
        match error {
            ApiError::Throttled { retry_after } => Some(later(now, *retry_after)),
            // With 401 the bot is refused and not the call: until it has a token that is valid.
            ApiError::Unreachable { .. } | ApiError::Unreadable { .. } | ApiError::Refused { code: 401, .. } => {
                Some(self.api.again_at().unwrap_or_else(|| when_back(update, now)))
            }
            ApiError::Unknown { .. } => {
                call.unknown_outcomes += 1;
                let left = self.api.unknown_outcome_attempts().saturating_sub(call.unknown_outcomes);
                let age = elapsed(update.received_at, now);
                (left > 0).then(|| later(now, schedule::while_unknown(age, left == 1, rand::random())))
            }
            ApiError::Refused { migrate_to_chat_id: Some(to), .. } if !work.moved => {
                work.follow(*to);
                None
            }
            ApiError::Refused { .. } if error.is_ordinary_refusal() => {
                self.counts.given_up.of(GivenUp::Ordinary).inc();
                tracing::info!(
                    update.id = update.id.0, chat = %update.chat_key, origin = call.origin(), method = call.method_name(), %error,
                    "Telegram refused a call, as it does when a person has blocked the bot or when it is too late; \
                     the call is not made again"
                );
                work.left.pop_front();
                None
            }
            ApiError::Refused { .. } | ApiError::NotAllowed { .. } => {
                self.counts.given_up.of(GivenUp::Refused).inc();
                tracing::warn!(
                    update.id = update.id.0, chat = %update.chat_key, origin = call.origin(), method = call.method_name(), %error,
                    "a call was refused and is not made again; `doorbell dead` lists its update"
                );
                work.refuse(error);
                None
            }
        }
    }

    /// A call has been sent as often as it may be.
    fn give_up_unknown(&self, call: &Call, update: &Update) {
        self.counts.given_up.of(GivenUp::Unknown).inc();
        tracing::warn!(
            update.id = update.id.0, chat = %update.chat_key, origin = call.origin(), method = call.method_name(),
            sent = call.unknown_outcomes,
            "a call was sent several times and every answer was lost: it is given up. Telegram may have carried it out \
             once, several times or never"
        );
    }
}
