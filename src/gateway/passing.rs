use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::headers;
use super::passed::{Observed, PassedBody};
use super::refusal::Refusal;
use super::throttle::{self, Throttled};
use crate::clock::SharedClock;
use crate::telegram::{ApiError, Destination, Relay, RelayError, Throttles};
use crate::telemetry::Storm;

/// Passes requests on to the Bot API, and the answers back, without reading them.
pub(super) struct Passing {
    relay: Relay<PassedBody>,
    throttles: Throttles,
    clock: SharedClock,
    failures: Storm,
}

impl Passing {
    pub(super) fn new(relay: Relay<PassedBody>, throttles: Throttles, clock: SharedClock) -> Self {
        Self { relay, throttles, failures: Storm::new(Arc::clone(&clock)), clock }
    }

    /// Passes a request on.
    ///
    /// # Errors
    ///
    /// The response if there is no answer. It says whether the call may have been carried out.
    pub(super) async fn pass(&self, destination: Destination<'_>, request: Request) -> Result<Response, Refusal> {
        let (mut head, body) = request.into_parts();
        head.headers = headers::of_request(&head.headers);
        let (uri, content_type) = (head.uri.clone(), head.headers.get(CONTENT_TYPE).cloned());
        let observed = Arc::<Observed>::default();
        let body = PassedBody::new(body, Arc::clone(&observed));
        let answered = tokio::select! {
            biased;
            answered = self.relay.send(destination, Request::from_parts(head, body)) => answered,
            () = observed.movement.ceased(&*self.clock) => {
                Err(ApiError::Unknown { reason: "nothing has moved for a minute".to_owned() }.into())
            }
        };
        let answer = match answered {
            Ok(answer) => answer,
            Err(_) if observed.is_broken() => return Err(Refusal::bad_request("the body broke off")),
            Err(error) => return Err(self.unanswered(&error)),
        };
        self.log_recovery();
        let mut answer = answer.map(Body::new);
        headers::remove_hop_by_hop(answer.headers_mut());
        match (answer.status(), destination) {
            // A switch of protocols is not an answer.
            (status, _) if status.is_informational() => {
                let reason = "an answer that switches the protocol".to_owned();
                Err(self.unanswered(&ApiError::Unknown { reason }.into()))
            }
            (StatusCode::TOO_MANY_REQUESTS, Destination::Method(method)) => {
                let content_type = content_type.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
                let call = Throttled { method, query: uri.query(), content_type, start: observed.start() };
                throttle::note(&call, answer, &self.throttles).await
            }
            _ => Ok(answer),
        }
    }

    fn unanswered(&self, error: &RelayError) -> Refusal {
        let RelayError::Unanswered(error) = error else {
            let description = "Request-URI Too Long: send long parameters in the body of a POST request";
            return Refusal::new(StatusCode::URI_TOO_LONG, description);
        };
        if let Some(times) = self.failures.event() {
            tracing::warn!(%error, times, "a call of the bot got no answer from Telegram; the bot gets the error 502");
        }
        let outcome = if matches!(error, ApiError::Unreachable { .. }) { "was not" } else { "may have been" };
        let description = format!("Bad Gateway: {error}. The call {outcome} carried out");
        Refusal::new(StatusCode::BAD_GATEWAY, description)
    }

    fn log_recovery(&self) {
        if let Some(over) = self.failures.over() {
            tracing::info!(
                times = over.times,
                lasted_s = over.lasted.as_secs(),
                "calls of the bot reach Telegram again"
            );
        }
    }
}
