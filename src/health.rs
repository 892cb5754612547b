//! Says whether the service lives and whether it is ready: `/healthz` for the platform, which
//! restarts what is unwell; `/readyz` for whoever wants to know whether an update that arrived now
//! would be kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock::{SharedClock, elapsed};
use crate::inbox::{Inbox, InboxError, Survey};
use crate::lifecycle::Shutdown;
use crate::registrar::{Notes, Standing};
use crate::telemetry;
use crate::webhook::Counts;

/// The longest an answer waits for the inbox. Render counts a check that takes over 5 s as failed.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the answers are made of.
pub struct Health {
    /// What is kept.
    pub inbox: Arc<dyn Inbox>,
    /// The most updates that may wait.
    pub capacity: usize,
    /// Where the registration stands.
    pub standing: watch::Receiver<Standing>,
    /// What was noticed about the webhook.
    pub notes: watch::Receiver<Notes>,
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

/// The routes `/healthz` and `/readyz`.
pub fn router(health: Health) -> Router {
    Router::new().route("/healthz", get(live)).route("/readyz", get(ready)).with_state(Arc::new(health))
}

/// 200 while the process can serve: Telegram or a database that is away does not change that.
async fn live(State(health): State<Arc<Health>>) -> Response {
    let stopping = health.shutdown.soft.is_cancelled();
    let standing = health.standing.borrow().clone();
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let body = json!({
        "status": if stopping { "stopping" } else { "ok" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": elapsed(health.started_at, health.clock.now()).as_secs(),
        "inbox": health.inbox().await,
        "webhook": webhook_in_words(&standing, &health.notes.borrow()),
        "updates": {
            "stored": count(&health.counts.stored),
            "known": count(&health.counts.known),
            "unauthorized": count(&health.counts.unauthorized),
            "malformed": count(&health.counts.malformed),
            "unavailable": count(&health.counts.unavailable),
        },
        "advice": health.advice,
    });
    answer(if stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, body)
}

/// 200 only if an update that arrived now would be stored and the webhook is ours.
async fn ready(State(health): State<Arc<Health>>) -> Response {
    let mut reasons = Vec::new();
    if health.shutdown.soft.is_cancelled() {
        reasons.push("the service is stopping".to_owned());
    }
    match health.survey().await {
        Ok(survey) if survey.waiting + survey.held >= health.capacity as u64 => {
            reasons.push(format!("the inbox is full: {} updates wait", survey.waiting));
        }
        Ok(_) => {}
        Err(reason) => reasons.push(reason),
    }
    let standing = health.standing.borrow().clone();
    if !standing.is_active() {
        reasons.push(standing.sentence());
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, json!({ "ready": reasons.is_empty(), "reasons": reasons }))
}

impl Health {
    async fn survey(&self) -> Result<Survey, String> {
        let surveyed: Result<Survey, InboxError> = tokio::select! {
            surveyed = self.inbox.survey() => surveyed,
            () = self.clock.sleep(PATIENCE) => return Err("the inbox does not answer".to_owned()),
        };
        surveyed.map_err(|error| telemetry::chain(&error).to_string())
    }

    async fn inbox(&self) -> Value {
        #[derive(Serialize)]
        struct Depth {
            #[serde(flatten)]
            survey: Survey,
            oldest_s: Option<u64>,
        }
        match self.survey().await {
            Ok(survey) => {
                let oldest_s = survey.oldest.map(|oldest| elapsed(oldest, self.clock.now()).as_secs());
                json!(Depth { survey, oldest_s })
            }
            Err(reason) => json!({ "error": reason }),
        }
    }
}

fn webhook_in_words(standing: &Standing, notes: &Notes) -> Value {
    #[derive(Serialize)]
    struct InWords<'a> {
        #[serde(flatten)]
        standing: &'a Standing,
        says: String,
        #[serde(flatten)]
        notes: &'a Notes,
    }
    json!(InWords { standing, says: standing.sentence(), notes })
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(http::header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
