//! The spans of attempts and of their calls. They hold numbers, methods and outcomes, and no text of a person.

use jiff::Timestamp;

use crate::inbox::{Verdict, VerdictKind};
use crate::telegram::{ApiError, Call, CallOutcome};
use crate::telemetry::{Label, Span, Trace};
use crate::update::Update;

/// Starts the span of an attempt.
pub(super) fn start_attempt(trace: &Trace, update: &Update, attempt: u32, now: Timestamp) -> Span {
    trace
        .work("handle update", now)
        .with("update.kind", update.kind.name().to_owned())
        .with("attempt", i64::from(attempt))
}

/// Ends the span of an attempt.
pub(super) fn end_attempt(span: Span, verdict: &Verdict, now: Timestamp) {
    let outcome = verdict.kind();
    let is_ok = matches!(outcome, VerdictKind::Done | VerdictKind::Released);
    span.with("outcome", outcome.name()).end(now, is_ok);
}

/// Starts the span of a call. It includes the wait for the rate limits.
pub(super) fn start_call(attempt: &Span, call: &Call, now: Timestamp) -> Span {
    let method = call.method_name();
    attempt.request(method.to_owned(), now).with("rpc.method", method.to_owned())
}

/// Ends the span of a call. A throttled call has no status, because it may have been put off without being sent.
pub(super) fn end_call(span: Span, error: Option<&ApiError>, now: Timestamp) {
    let (outcome, status) = match error {
        None => (CallOutcome::Ok, Some(200)),
        Some(ApiError::Refused { code, .. }) => (CallOutcome::Refused, Some(*code)),
        Some(error) => (CallOutcome::from(error), None),
    };
    let span = span.with("outcome", outcome.name());
    let span = match status {
        Some(status) => span.with("http.response.status_code", i64::from(status)),
        None => span,
    };
    span.end(now, error.is_none());
}

/// Ends the span of a call that the hard stop interrupted. Telegram may have carried it out.
pub(super) fn release_call(span: Span, now: Timestamp) {
    span.with("outcome", VerdictKind::Released.name()).end(now, false);
}
