use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::body::{self, BodyBudget, Unread};
use super::counts::Counts;
use super::outcome::{Outcome, Reason};
use super::refusal::Refusal;
use super::secret::Secrets;
use super::source::{Source, SourceCheck};
use crate::clock::{SharedClock, earlier, elapsed};
use crate::http::Problem;
use crate::inbox::{Accepted, Inbox};
use crate::settings::SourceMode;
use crate::telegram::WEBHOOK_PATH;
use crate::telemetry::{Label, Storm, Traces};
use crate::trail::{Event, KNOWN, Trail};
use crate::update::{ChatKey, Kind, Order, Update, UpdateId};

/// The name of a request's span in a trace.
const SPAN: &str = "POST /telegram/webhook";
/// The memory for bodies that are being read or wait for the inbox: sixty of the largest updates, or thousands of the
/// usual kind. Telegram opens 100 connections at most.
pub(super) const BODY_BUDGET: usize = 32 * 1024 * 1024;

/// What the webhook needs.
pub struct Deps {
    /// Stores the updates.
    pub inbox: Arc<dyn Inbox>,
    /// How they are kept in order.
    pub order: Order,
    /// The valid secret tokens.
    pub secrets: Secrets,
    /// The check of addresses.
    pub sources: SourceCheck,
    /// The longest body, in bytes.
    pub body_limit: usize,
    /// Counts how requests ended.
    pub counts: Arc<Counts>,
    /// Receives a span for each request, where traces are on.
    pub traces: Traces,
    /// What happened to the latest updates, where a page can show it.
    pub trail: Trail,
    /// The time.
    pub clock: SharedClock,
}

/// The state of the route.
pub(super) struct WebhookState {
    deps: Deps,
    bodies: BodyBudget,
    /// Requests without a valid secret token.
    unauthorized: Storm,
    /// Updates that did not fit into the inbox.
    full: Storm,
    known: Storm,
}

/// Receives one update. The response is an empty 200, or a problem that says what to do.
pub(super) async fn receive(State(state): State<Arc<WebhookState>>, request: Request) -> Response {
    let begun = state.deps.clock.steady();
    let result = state.accept(request, begun).await;
    let took = elapsed(begun, state.deps.clock.steady()).as_secs_f64();
    let counts = &state.deps.counts;
    counts.answered.of(outcome(&result)).observe(took);
    match result {
        Ok(accepted) => {
            if accepted == Accepted::Stored {
                state.log_space();
            }
            counts.record_acknowledged();
            counts.acknowledged.of(accepted.into()).inc();
            StatusCode::OK.into_response()
        }
        Err(refusal) => {
            state.record_refusal(refusal.reason());
            Problem::from(refusal).into_response()
        }
    }
}

/// What the response says.
fn outcome(result: &Result<Accepted, Refusal>) -> Outcome {
    match result {
        Ok(Accepted::Stored) => Outcome::Stored,
        Ok(Accepted::Known) => Outcome::Known,
        Err(refusal) => refusal.reason().outcome(),
    }
}

impl WebhookState {
    pub(super) fn new(deps: Deps) -> Self {
        let [unauthorized, full, known] = [(); 3].map(|()| Storm::new(Arc::clone(&deps.clock)));
        Self { bodies: BodyBudget::new(BODY_BUDGET.max(deps.body_limit)), unauthorized, full, known, deps }
    }

    /// Checks a request, reads its body and stores the update. `begun` is when it began, by the steady clock.
    async fn accept(&self, request: Request, begun: Timestamp) -> Result<Accepted, Refusal> {
        let (head, body) = request.into_parts();
        if !self.deps.secrets.verify(&head.headers) {
            return Err(Refusal::Unauthorized);
        }
        self.check_source(&head.headers)?;
        let length = self.check_head(&head.headers)?;
        // Held until the update is in the inbox, so that updates which wait for the commit are bounded too.
        let _reservation = self.bodies.reserve(length).ok_or(Refusal::Overloaded)?;
        let body = body::read(body, length, self.deps.clock.as_ref()).await.map_err(|unread| match unread {
            Unread::BrokenOff => Refusal::BrokenOff,
            Unread::TooSlow => Refusal::TooSlow,
        })?;
        let update = Update::parse_in(&self.deps.order, body, self.deps.clock.steady())?;
        let (id, kind, chat_key) = (update.id, update.kind.clone(), update.chat_key);
        let accepted = self.deps.inbox.accept(update).await.map_err(Refusal::from);
        self.trace(id, &kind, begun, &accepted);
        self.record(id, &kind, chat_key, length, begun, &accepted);
        let accepted = accepted?;
        if accepted == Accepted::Known
            && let Some(times) = self.known.event()
        {
            tracing::info!(update.id = id.0, times, "{KNOWN}");
        }
        tracing::debug!(update.id = id.0, update.kind = kind.name(), chat = %chat_key, outcome = ?accepted, "update acknowledged");
        Ok(accepted)
    }

    /// The secret token is decisive. The address is a second check, which refuses a request only if the operator
    /// enables that.
    fn check_source(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let source = self.deps.sources.source(headers);
        if let Source::Foreign(address) = source
            && self.deps.counts.foreign.inc() == 0
        {
            tracing::warn!(
                %address,
                "an update with the right secret token came from an address that is not Telegram's: another program \
                 knows the secret token, or Telegram has new addresses. From now on such updates are only counted. If it was \
                 not you, change webhook.secret_token; if Telegram has new addresses, add them to webhook.source_ranges"
            );
        }
        if self.deps.sources.mode == SourceMode::Enforce && source != Source::Telegram {
            return Err(Refusal::Foreign);
        }
        Ok(())
    }

    /// Refuses what Telegram never sends before the body is read: no length, too long, compressed, or `Expect`. To a
    /// client that sends `Expect`, reading the body would answer 100, which Telegram takes for the final response.
    fn check_head(&self, headers: &HeaderMap) -> Result<usize, Refusal> {
        let limit = self.deps.body_limit;
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let length = length.ok_or(Refusal::NoLength)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= limit);
        let length = length.ok_or(Refusal::TooLarge { limit })?;
        if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(Refusal::Encoded);
        }
        if headers.contains_key(EXPECT) {
            return Err(Refusal::Expectation);
        }
        Ok(length)
    }

    /// Adds the request to the update's trace. The request that stored the update is the root span; there is one.
    fn trace(&self, id: UpdateId, kind: &Kind, begun: Timestamp, accepted: &Result<Accepted, Refusal>) {
        let Some(trace) = self.deps.traces.of(id.0) else { return };
        let now = self.deps.clock.now();
        let begun = earlier(now, elapsed(begun, self.deps.clock.steady()));
        let span = match accepted {
            Ok(Accepted::Stored) => trace.root(SPAN, begun),
            Ok(Accepted::Known) | Err(_) => trace.repeated(SPAN, begun),
        };
        let status = if accepted.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        span.with("http.request.method", "POST")
            .with("http.route", WEBHOOK_PATH)
            .with("http.response.status_code", i64::from(status.as_u16()))
            .with("update.kind", kind.name().to_owned())
            .with("outcome", outcome(accepted).name())
            .end(now, accepted.is_ok());
    }

    /// Adds the request to the update's trail.
    fn record(
        &self,
        id: UpdateId,
        kind: &Kind,
        chat_key: ChatKey,
        bytes: usize,
        begun: Timestamp,
        accepted: &Result<Accepted, Refusal>,
    ) {
        let trail = &self.deps.trail;
        match accepted {
            // The update may have been claimed meanwhile, even handled. What came first is shown first.
            Ok(Accepted::Stored) => trail.record_since(begun, id, || {
                let took = elapsed(begun, self.deps.clock.steady());
                Event::Stored { kind: kind.clone(), chat_key, bytes, took }
            }),
            Ok(Accepted::Known) => trail.record(id, || Event::Known),
            Err(refusal) => trail.record(id, || Event::NotStored { reason: refusal.reason().name() }),
        }
    }

    /// Counts and logs a request that is not acknowledged.
    fn record_refusal(&self, reason: Reason) {
        let counts = &self.deps.counts;
        counts.refused.of(reason).inc();
        tracing::debug!(reason = reason.name(), "a request to the webhook was refused");
        if reason == Reason::NotHandled {
            counts.record_late(self.deps.clock.steady());
        }
        if reason == Reason::Secret {
            counts.unauthorized.send_modify(|requests| *requests += 1);
            if let Some(requests) = self.unauthorized.event() {
                tracing::warn!(
                    requests,
                    "requests to the webhook had no secret token or a wrong one, and were refused. If Telegram sent them, \
                     the webhook is registered with another secret token; `doorbell doctor` checks this"
                );
            }
        }
        if reason == Reason::Full
            && let Some(updates) = self.full.event()
        {
            tracing::warn!(
                updates,
                "the inbox is full: updates are refused and wait at Telegram. Handling is slower than what arrives, or \
                 dead-letter updates fill the inbox (`doorbell dead list`); inbox.capacity is the limit"
            );
        }
    }

    /// Logs once that the inbox has space again.
    fn log_space(&self) {
        if let Some(over) = self.full.over() {
            tracing::info!(updates = over.times, full_s = over.lasted.as_secs(), "the inbox has room again");
        }
    }
}
