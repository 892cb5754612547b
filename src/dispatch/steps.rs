//! The steps of the trail that an attempt and its calls leave.

use std::time::Duration;

use crate::clock::{Clock, elapsed, later};
use crate::humanize::times;
use crate::inbox::{Verdict, VerdictKind};
use crate::telegram::{ApiError, Call, CallOutcome};
use crate::telemetry::Label;
use crate::trail::Event;

/// A call that was made. `None` is one that the hard stop interrupted, which Telegram may have carried out.
pub(super) fn called(call: &Call, outcome: Option<&Result<(), ApiError>>, took: Duration) -> Event {
    let (outcome, error) = match outcome {
        Some(Ok(())) => (CallOutcome::Ok.name(), None),
        Some(Err(error)) => (CallOutcome::from(error).name(), Some(error.to_string())),
        None => (VerdictKind::Released.name(), None),
    };
    Event::Called { method: call.method_name().to_owned(), outcome, error, took }
}

/// A call that is not made again, because every answer to it was lost.
pub(super) fn given_up(call: &Call) -> Event {
    let error = format!("it was sent {}, and every answer was lost: it is given up", times(call.unknown_outcomes));
    let (method, outcome) = (call.method_name().to_owned(), CallOutcome::Unknown.name());
    Event::Called { method, outcome, error: Some(error), took: Duration::ZERO }
}

/// The end of an attempt.
pub(super) fn ended(verdict: &Verdict, clock: &dyn Clock) -> Event {
    let steady = clock.steady();
    let next_at = verdict.retry_at().map(|at| later(clock.now(), elapsed(steady, at)));
    Event::Ended { verdict: verdict.kind().name(), reason: verdict.reason().map(ToOwned::to_owned), next_at }
}
