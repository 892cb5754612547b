use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use super::state::ServiceState;
use crate::dispatch::Handling;
use crate::humanize::count;
use crate::inbox::Survey;

#[derive(Serialize)]
struct Body {
    ready: bool,
    reasons: Vec<String>,
}

/// `GET /readyz`: 200 only if an update that arrived now would be stored, the webhook leads to this service or is another
/// program's task, and your bot, if there is one, takes connections. Otherwise 503 with every reason.
pub(super) async fn show(State(service): State<Arc<ServiceState>>) -> Response {
    let mut reasons = Vec::new();
    if service.is_stopping() {
        reasons.push("the service is stopping".to_owned());
    }
    match service.survey_cache.survey().await {
        Ok(survey) if survey.full => reasons.push(full_inbox(&survey, service.capacity)),
        Ok(_) => {}
        Err(reason) => reasons.push(reason),
    }
    if service.webhook_counts.is_late(service.clock.steady()) {
        reasons.push(
            "the last update was not handled in time, and so not acknowledged: the handler or the Bot API is slow or \
             does not answer; the log says which"
                .to_owned(),
        );
    }
    let registration = service.registration.borrow().clone();
    if !registration.is_ready() {
        reasons.push(registration.sentence());
    }
    let handling = *service.handling.borrow();
    if matches!(handling, Handling::Paused { stops_acknowledgements: true, .. }) {
        reasons.push(handling.sentence());
    }
    if let Some(bot) = &service.bot {
        let status = bot.status.borrow();
        if !status.is_available() {
            reasons.push(status.sentence());
        }
    }
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Body { ready, reasons })).into_response()
}

fn full_inbox(survey: &Survey, capacity: usize) -> String {
    let holds = count(survey.waiting + survey.held, "update", "updates");
    let dead = match survey.dead {
        0 => String::new(),
        dead => format!(" and {}", count(dead, "dead-letter update", "dead-letter updates")),
    };
    format!("the inbox is full: it holds {holds}{dead}, and inbox.capacity is {capacity}")
}
