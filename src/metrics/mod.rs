//! Shows what the rooms have counted: `/metrics`, in the text form of Prometheus, for the operator.
//!
//! Nothing is counted here. Each room keeps its own [`Counter`](crate::telemetry::Counter)s and
//! [`Histogram`](crate::telemetry::Histogram)s, `/healthz` and this page read the same ones, and what can be
//! asked (the inbox, the standing, the process) is asked when the page is. So an update pays some additions,
//! and a page nobody reads costs nothing.

mod list;
mod page;
mod process;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::watch;

use crate::clock::SharedClock;
use crate::inbox::{self, Survey, Surveyor};
use crate::registrar::{Notes, Standing};
use crate::telegram::BotApi;
use crate::{dispatch, operator, server, webhook};
pub use list::LIST;
pub use page::{Kind, Metric, Unit};
use process::Process;

/// What the page is made of.
pub struct Metrics {
    /// How requests to the webhook ended.
    pub webhook: Arc<webhook::Counts>,
    /// What the keeper did.
    pub inbox: Arc<inbox::Counts>,
    /// What is kept.
    pub surveyor: Arc<Surveyor>,
    /// The most updates that may wait.
    pub capacity: usize,
    /// How attempts ended.
    pub dispatch: Arc<dispatch::Counts>,
    /// Which calls were made.
    pub api: BotApi,
    /// Where the registration stands.
    pub standing: watch::Receiver<Standing>,
    /// What was noticed about the webhook.
    pub notes: watch::Receiver<Notes>,
    /// Which connections came and went.
    pub connections: Arc<server::Counts>,
    /// The most connections at once.
    pub connections_limit: usize,
    /// When the service started.
    pub started_at: Timestamp,
    /// The time.
    pub clock: SharedClock,
}

/// The route `/metrics`, behind the operator's token; none without one.
pub fn router(metrics: Metrics, token: Option<&SecretString>) -> Router {
    operator::only(Router::new().route("/metrics", get(show)).with_state(Arc::new(metrics)), token)
}

/// What is known at one moment.
struct Moment<'a> {
    counted: &'a Metrics,
    now: Timestamp,
    steady: Timestamp,
    survey: Option<Survey>,
    standing: Standing,
    notes: Notes,
    process: Process,
}

async fn show(State(metrics): State<Arc<Metrics>>) -> Response {
    let survey = metrics.surveyor.survey().await.ok();
    let moment = Moment {
        counted: &metrics,
        now: metrics.clock.now(),
        steady: metrics.clock.steady(),
        survey,
        standing: metrics.standing.borrow().clone(),
        notes: metrics.notes.borrow().clone(),
        process: Process::look(),
    };
    let headers = [(CONTENT_TYPE, page::CONTENT_TYPE), (CACHE_CONTROL, "no-store")];
    (headers, page::written(LIST, &moment)).into_response()
}
