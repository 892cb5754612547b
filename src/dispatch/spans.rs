//! What a trace is told of attempts and of their calls: numbers, methods and outcomes, never a text of anybody.

use jiff::Timestamp;

use crate::inbox::{Verdict, VerdictKind};
use crate::telegram::{Answered, ApiError, Call};
use crate::telemetry::{Label, Span, Trace};
use crate::update::Update;

/// Begins the span of an attempt.
pub(super) fn attempt(trace: &Trace, update: &Update, attempt: u32, begun: Timestamp) -> Span {
    trace
        .work("handle update", begun)
        .with("update.kind", update.kind.name().to_owned())
        .with("attempt", i64::from(attempt))
}

/// Ends it.
pub(super) fn attempted(span: Span, verdict: &Verdict, ended: Timestamp) {
    let outcome = verdict.kind();
    let well = matches!(outcome, VerdictKind::Done | VerdictKind::Released);
    span.with("outcome", outcome.name()).end(ended, well);
}

/// Begins the span of a call, its wait for a turn included.
pub(super) fn call(attempt: &Span, call: &Call, begun: Timestamp) -> Span {
    let method = call.method_name();
    attempt.request(method.to_owned(), begun).with("rpc.method", method.to_owned())
}

/// Ends it. Where Telegram asks to wait the status is not known: the call may have been put off without being made.
pub(super) fn called(span: Span, error: Option<&ApiError>, ended: Timestamp) {
    let (answered, status) = match error {
        None => (Answered::Ok, Some(200)),
        Some(ApiError::Refused { code, .. }) => (Answered::Refused, Some(*code)),
        Some(error) => (Answered::from(error), None),
    };
    let span = span.with("outcome", answered.name());
    let span = match status {
        Some(status) => span.with("http.response.status_code", i64::from(status)),
        None => span,
    };
    span.end(ended, error.is_none());
}

/// Ends that of a call which was not waited for, because the service stops. It may have been carried out.
pub(super) fn let_go(span: Span, ended: Timestamp) {
    span.with("outcome", VerdictKind::Released.name()).end(ended, false);
}
