//! Says whether the service lives and whether it is ready: `/healthz` for the platform, which
//! restarts what is unwell; `/readyz` for whoever wants to know whether an update that arrived now
//! would be kept; `/` for a person with a browser.

mod page;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::clock::{SharedClock, elapsed};
use crate::inbox::{Survey, SurveyCache};
use crate::lifecycle::Shutdown;
use crate::registrar::{Status, WebhookHealth};
use crate::webhook::{Acknowledged, Counts, Reason};
use crate::wording::count;

/// What the answers are made of.
pub struct Health {
    /// What is kept.
    pub survey_cache: Arc<SurveyCache>,
    /// The most updates that may wait.
    pub capacity: usize,
    /// The status of the registration.
    pub registration: watch::Receiver<Status>,
    /// What the registrar has observed about the webhook.
    pub webhook_health: watch::Receiver<WebhookHealth>,
    /// How requests to the webhook ended.
    pub counts: Arc<Counts>,
    /// When the service started.
    pub started_at: Timestamp,
    /// What the operator should know about the place the service runs in.
    pub advice: Option<String>,
    /// The time.
    pub clock: SharedClock,
    /// Whether the service stops.
    pub shutdown: Shutdown,
}

/// The routes `/healthz`, `/readyz` and `/`.
pub fn router(health: Health) -> Router {
    let routes = Router::new().route("/healthz", get(live)).route("/readyz", get(ready)).route("/", get(page::front));
    routes.with_state(Arc::new(health))
}

/// The answer of `/healthz`, in the order in which a person reads it.
#[derive(Serialize)]
struct Live<'a> {
    status: &'static str,
    version: &'static str,
    uptime_s: u64,
    webhook: Webhook<'a>,
    inbox: Depth,
    updates: Updates,
    advice: Option<&'a str>,
}

#[derive(Serialize)]
struct Webhook<'a> {
    #[serde(flatten)]
    registration: &'a Status,
    says: String,
    #[serde(flatten)]
    health: &'a WebhookHealth,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Depth {
    Known {
        #[serde(flatten)]
        survey: Survey,
        oldest_s: Option<u64>,
    },
    Unknown {
        error: String,
    },
}

#[derive(Serialize)]
struct Updates {
    stored: u64,
    known: u64,
    unauthorized: u64,
    foreign: u64,
    malformed: u64,
    unavailable: u64,
}

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    reasons: Vec<String>,
}

/// 200 while the process can serve: Telegram or a database that is away does not change that.
async fn live(State(health): State<Arc<Health>>) -> Response {
    let stopping = health.shutdown.soft.is_cancelled();
    let inbox = health.depth().await;
    let now = health.clock.now();
    let registration = health.registration.borrow().clone();
    let body = Live {
        status: if stopping { "stopping" } else { "ok" },
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: elapsed(health.started_at, now).as_secs(),
        webhook: Webhook {
            registration: &registration,
            says: registration.sentence(),
            health: &health.webhook_health.borrow(),
        },
        inbox,
        updates: Updates::counted(&health.counts),
        advice: health.advice.as_deref(),
    };
    answer(if stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, &body)
}

/// 200 only if an update that arrived now would be stored and the webhook is ours, or another
/// program's task.
async fn ready(State(health): State<Arc<Health>>) -> Response {
    let mut reasons = Vec::new();
    if health.shutdown.soft.is_cancelled() {
        reasons.push("the service is stopping".to_owned());
    }
    match health.survey_cache.survey().await {
        Ok(survey) if survey.full => {
            let holds = count(survey.waiting + survey.held, "update", "updates");
            let dead = match survey.dead {
                0 => String::new(),
                dead => format!(" and {}", count(dead, "dead update", "dead updates")),
            };
            let capacity = health.capacity;
            reasons.push(format!("the inbox is full: it holds {holds}{dead}, and inbox.capacity is {capacity}"));
        }
        Ok(_) => {}
        Err(reason) => reasons.push(reason),
    }
    if health.counts.is_late(health.clock.steady()) {
        reasons.push(
            "the last update was not handled in time, and so not acknowledged: what handles it, or the Bot API, is slow \
             or does not answer; the log says which"
                .to_owned(),
        );
    }
    let registration = health.registration.borrow().clone();
    if !registration.is_ready() {
        reasons.push(registration.sentence());
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, &Ready { ready: reasons.is_empty(), reasons })
}

impl Health {
    async fn depth(&self) -> Depth {
        match self.survey_cache.survey().await {
            Ok(survey) => {
                let oldest_s = survey.oldest.map(|oldest| elapsed(oldest, self.clock.steady()).as_secs());
                Depth::Known { survey, oldest_s }
            }
            Err(error) => Depth::Unknown { error },
        }
    }
}

impl Updates {
    fn counted(counts: &Counts) -> Self {
        Self {
            stored: counts.acknowledged.of(Acknowledged::Stored).get(),
            known: counts.acknowledged.of(Acknowledged::Known).get(),
            unauthorized: counts.refused.of(Reason::Secret).get(),
            foreign: counts.foreign.get(),
            malformed: counts.malformed(),
            unavailable: counts.unavailable(),
        }
    }
}

fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
