//! One attempt: the request, the answer, and what it means for the update.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use jiff::Timestamp;
use tokio::sync::watch;

use super::answer::{self, Answer};
use super::client::NoAnswer;
use super::counts::ForwardOutcome;
use super::destination::Destination;
use super::engine::Forward;
use super::request;
use super::trouble::{Blame, Ended, Trouble};
use crate::clock::elapsed;
use crate::handler::{Capacity, Context, Handler, HandlerError};
use crate::telegram::Call;
use crate::telemetry::{Label, Span};
use crate::trail::Event;
use crate::update::Update;

/// What dispatch waits beyond the time limits of the forward, which end first.
const MARGIN: Duration = Duration::from_secs(5);

impl Forward {
    async fn exchange(&self, to: &Destination, update: &Update, context: &Context<'_>) -> Answer {
        let span = context.span.map(|attempt| {
            let span = attempt.request("forward update".to_owned(), self.clock.now());
            span.with("http.request.method", "POST")
        });
        let mut request = request::request(to, self.bot, update, context, &self.headers);
        if let Some(span) = &span {
            request::continue_trace(&mut request, &span.traceparent());
        }
        let mut status = None;
        let exchange = async {
            match self.client.send(request).await {
                Ok(response) => {
                    status = Some(response.status());
                    answer::read(response, to, &self.clock).await
                }
                Err(NoAnswer::Unreachable(trouble)) => Answer::Trouble(trouble),
                Err(NoAnswer::Cut) => Answer::Cut,
            }
        };
        let began = self.clock.steady();
        let answer = tokio::select! {
            biased;
            answer = exchange => answer,
            () = self.clock.sleep(self.time_limit) => Answer::TimedOut,
        };
        if let Some(span) = span {
            end_span(span, status, &answer, self.clock.now());
        }
        let (took, outcome) = (elapsed(began, self.clock.steady()), outcome(&answer));
        self.counts.took.observe(took.as_secs_f64());
        self.counts.requests.of(outcome).inc();
        let status = status.map(|status| status.as_u16());
        self.trail.record(update.id, || Event::Forwarded { status, outcome: outcome.name(), took });
        answer
    }
}

#[async_trait]
impl Handler for Forward {
    async fn handle(&self, update: &Update, context: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        let visit = self.admit(update.id).await?;
        match self.exchange(&visit.destination, update, context).await {
            Answer::Taken(call) => {
                visit.end(Ended::Answered);
                Ok(call.map(|call| *call).into_iter().collect())
            }
            Answer::Failed(reason) => {
                visit.end(Ended::Answered);
                Err(HandlerError::Retry(reason))
            }
            Answer::Cut => {
                visit.end(Ended::Cut);
                Err(HandlerError::Retry("it closed the connection without an answer".to_owned()))
            }
            Answer::TimedOut => {
                visit.end(Ended::Unknown);
                Err(HandlerError::Retry(format!("it did not answer within {} s", self.time_limit.as_secs_f32())))
            }
            Answer::Trouble(trouble) => {
                let reason = trouble.reason().to_owned();
                Err(match visit.end(Ended::Trouble(trouble)) {
                    Blame::Bot => HandlerError::Unavailable(reason),
                    Blame::Update => HandlerError::Retry(reason),
                })
            }
        }
    }

    fn capacity(&self) -> Option<watch::Receiver<Capacity>> {
        Some(self.capacity.subscribe())
    }

    /// A request has a time limit of its own. A suspect may wait as long for its turn before.
    fn time_limit(&self) -> Option<Duration> {
        Some(self.time_limit * 2 + MARGIN)
    }
}

/// Ends the span of an exchange. It holds no address of the bot.
fn end_span(span: Span, status: Option<StatusCode>, answer: &Answer, now: Timestamp) {
    let span = match status {
        Some(status) => span.with("http.response.status_code", i64::from(status.as_u16())),
        None => span,
    };
    let is_ok = matches!(answer, Answer::Taken(_));
    span.with("outcome", outcome(answer).name()).end(now, is_ok);
}

/// How the metrics name the end of an exchange.
fn outcome(answer: &Answer) -> ForwardOutcome {
    match answer {
        Answer::Taken(None) => ForwardOutcome::Taken,
        Answer::Taken(Some(_)) => ForwardOutcome::Call,
        Answer::Failed(_) => ForwardOutcome::Failed,
        Answer::Cut => ForwardOutcome::Cut,
        Answer::TimedOut => ForwardOutcome::TimedOut,
        Answer::Trouble(Trouble::Throttled { .. }) => ForwardOutcome::Throttled,
        Answer::Trouble(Trouble::Unreachable(_) | Trouble::Unavailable { .. }) => ForwardOutcome::Away,
        Answer::Trouble(Trouble::Misconfigured(_)) => ForwardOutcome::Misconfigured,
    }
}
