//! Takes in what Telegram sends: without the right secret token nothing is read, and 200 means that
//! the update would survive a crash.
//!
//! No limit here is shared with strangers: whatever bounds memory comes after the secret token, and
//! what a stranger costs is one digest and one constant answer.

mod body;
mod counts;
mod refusal;
mod secret;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use crate::clock::{SharedClock, elapsed};
use crate::inbox::{Accepted, Inbox};
use crate::problem::Problem;
use crate::settings::SourceMode;
use crate::telemetry::{Label, Storm, Traces};
use crate::update::{Kind, Update, UpdateId};
use body::{Allowance, Unread};
use refusal::Refusal;
use source::Source;

pub use counts::{Acknowledged, Counts, Outcome, Reason};
pub use secret::Secrets;
pub use source::SourceCheck;

pub use crate::telegram::{SECRET_HEADER, WEBHOOK_PATH as PATH};

/// What a request is called in a trace.
const SPAN: &str = "POST /telegram/webhook";
/// The memory for bodies that are being read or wait for the inbox: sixty of the largest updates,
/// or thousands of the usual kind. Telegram opens 100 connections at most.
const BODIES: usize = 32 * 1024 * 1024;

/// The route of the webhook, and what it is made of.
pub fn router(
    inbox: Arc<dyn Inbox>,
    secrets: Secrets,
    sources: SourceCheck,
    body_limit: usize,
    counts: Arc<Counts>,
    traces: Traces,
    clock: SharedClock,
) -> Router {
    let bodies = Allowance::of(BODIES.max(body_limit));
    let [strangers, full] = [(); 2].map(|()| Storm::new(Arc::clone(&clock)));
    let door = Arc::new(Door { inbox, secrets, sources, body_limit, bodies, counts, traces, clock, strangers, full });
    Router::new().route(PATH, post(ring).fallback(refusal::wrong_method)).with_state(door)
}

struct Door {
    inbox: Arc<dyn Inbox>,
    secrets: Secrets,
    sources: SourceCheck,
    body_limit: usize,
    bodies: Allowance,
    counts: Arc<Counts>,
    traces: Traces,
    clock: SharedClock,
    /// Requests without the right secret token.
    strangers: Storm,
    /// Updates for which there was no room.
    full: Storm,
}

/// One ring at the door: an empty 200, or a problem that says what to do.
async fn ring(State(door): State<Arc<Door>>, request: Request) -> Response {
    let begun = door.clock.now();
    let taken_in = door.take_in(request, begun).await;
    if let Err(refusal) = &taken_in {
        door.note(refusal.reason());
    }
    let took = elapsed(begun, door.clock.now()).as_secs_f64();
    door.counts.answered.of(outcome(&taken_in)).observe(took);
    match taken_in {
        Ok(accepted) => {
            if accepted == Accepted::Stored {
                door.note_stored();
            }
            door.counts.was_acknowledged();
            door.counts.acknowledged.of(accepted.into()).inc();
            StatusCode::OK.into_response()
        }
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

/// What the answer says.
fn outcome(taken_in: &Result<Accepted, Refusal>) -> Outcome {
    match taken_in {
        Ok(Accepted::Stored) => Outcome::Stored,
        Ok(Accepted::Known) => Outcome::Known,
        Err(refusal) => refusal.reason().outcome(),
    }
}

impl Door {
    /// Counts a request that is not acknowledged.
    fn note(&self, reason: Reason) {
        self.counts.refused.of(reason).inc();
        tracing::debug!(reason = reason.name(), "a request to the webhook was refused");
        if reason == Reason::NotHandled {
            self.counts.was_late(self.clock.steady());
        }
        if reason == Reason::Secret {
            self.counts.refusals.send_modify(|refusals| *refusals += 1);
            if let Some(requests) = self.strangers.event() {
                tracing::warn!(
                    requests,
                    "requests to the webhook had no secret token or a wrong one, and were refused. If Telegram sent them, \
                     the webhook is registered with another secret token; `doorbell doctor` tells"
                );
            }
        }
        if reason == Reason::Full
            && let Some(updates) = self.full.event()
        {
            tracing::warn!(
                updates,
                "the inbox is full: updates are refused and wait at Telegram. Handling is slower than what arrives, or \
                 dead updates take the room (`doorbell dead list`); inbox.capacity is the limit"
            );
        }
    }

    /// Tells that there is room again, once.
    fn note_stored(&self) {
        if let Some(over) = self.full.over() {
            tracing::info!(updates = over.times, full_s = over.lasted.as_secs(), "the inbox has room again");
        }
    }

    async fn take_in(&self, request: Request, begun: Timestamp) -> Result<Accepted, Refusal> {
        let (head, body) = request.into_parts();
        if !self.secrets.admit(&head.headers) {
            return Err(Refusal::Unauthorized);
        }
        self.check_source(&head.headers)?;
        let length = self.check_head(&head.headers)?;
        // Held until the update is in the inbox: what waits for the commit is bounded as well.
        let _room = self.bodies.take(length).ok_or(Refusal::Crowded)?;
        let body = body::read(body, length, self.clock.as_ref()).await.map_err(|unread| match unread {
            Unread::BrokenOff => Refusal::BrokenOff,
            Unread::TooSlow => Refusal::TooSlow,
        })?;
        let update = Update::parse(body, self.clock.steady())?;
        let (id, kind, chat_key) = (update.id, update.kind.clone(), update.chat_key);
        let accepted = self.inbox.accept(update).await.map_err(Refusal::from);
        self.trace(id, &kind, begun, &accepted);
        let accepted = accepted?;
        tracing::debug!(update.id = id.0, update.kind = kind.name(), chat = %chat_key, outcome = ?accepted, "update acknowledged");
        Ok(accepted)
    }

    /// Tells of a request whose update is known by its number. The first span of a trace is that of the request
    /// which stored the update: of those there is one.
    fn trace(&self, id: UpdateId, kind: &Kind, begun: Timestamp, accepted: &Result<Accepted, Refusal>) {
        let Some(trace) = self.traces.of(id.0) else { return };
        let span = match accepted {
            Ok(Accepted::Stored) => trace.root(SPAN, begun),
            Ok(Accepted::Known) | Err(_) => trace.repeated(SPAN, begun),
        };
        let status = if accepted.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        span.with("http.request.method", "POST")
            .with("http.route", PATH)
            .with("http.response.status_code", i64::from(status.as_u16()))
            .with("update.kind", kind.name().to_owned())
            .with("outcome", outcome(accepted).name())
            .end(self.clock.now(), accepted.is_ok());
    }

    /// The secret token is what admits; the address is a second opinion, and the operator decides
    /// whether it has a vote.
    fn check_source(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let source = self.sources.source(headers);
        if let Source::Foreign(address) = source
            && self.counts.foreign.inc() == 0
        {
            tracing::warn!(
                %address,
                "an update with the right secret token came from an address that is not Telegram's: somebody else knows \
                 the secret token, or Telegram has new addresses. From now on such updates are only counted. If it was \
                 not you, change webhook.secret_token; if Telegram has new addresses, add them to webhook.source_ranges"
            );
        }
        if self.sources.mode == SourceMode::Enforce && source != Source::Telegram {
            return Err(Refusal::Foreign);
        }
        Ok(())
    }

    /// Telegram always says how long an update is, never compresses it and never asks first. Who
    /// does otherwise, or says too much, is refused before the body is read; to a client that asks
    /// whether it may send, reading would answer 100, which Telegram takes for the final answer.
    fn check_head(&self, headers: &HeaderMap) -> Result<usize, Refusal> {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let length = length.ok_or(Refusal::NoLength)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= self.body_limit);
        let length = length.ok_or(Refusal::TooLarge { limit: self.body_limit })?;
        if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(Refusal::Encoded);
        }
        if headers.contains_key(EXPECT) {
            return Err(Refusal::Expectation);
        }
        Ok(length)
    }
}
