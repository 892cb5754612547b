//! Serves `/metrics` in the Prometheus text format, to the operator's token.
//!
//! Each module counts in metrics of its own and adds them to the registry; `/healthz` reads the same ones. What can be
//! asked (the inbox, the registration, the process) is asked at each scrape, in `scrape`.

mod process;
mod scrape;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use jiff::Timestamp;
use prometheus_client::encoding::prometheus_text;
use secrecy::SecretString;
use tokio::sync::watch;

use crate::clock::SharedClock;
use crate::inbox::{self, SurveyCache};
use crate::registrar::{Status, WebhookHealth};
use crate::telemetry::Registry;
use crate::{dispatch, operator, server, telegram, webhook};
use scrape::Scrape;

/// What `/metrics` is made of.
pub struct Metrics {
    /// The metrics that the modules update as they work.
    pub registry: Registry,
    /// What is in the inbox.
    pub survey_cache: Arc<SurveyCache>,
    /// The most updates that may wait.
    pub capacity: usize,
    /// The status of the registration.
    pub registration: watch::Receiver<Status>,
    /// What the registrar has observed about the webhook.
    pub webhook_health: watch::Receiver<WebhookHealth>,
    /// The connections that were opened and closed.
    pub connections: Arc<server::Counts>,
    /// The most connections at once.
    pub connections_limit: usize,
    /// When the service started.
    pub started_at: Timestamp,
    /// The time.
    pub clock: SharedClock,
}

/// The metrics of all modules, in one registry.
#[must_use]
pub fn registry(
    webhook: &webhook::Counts,
    inbox: &inbox::Counts,
    dispatch: &dispatch::Counts,
    telegram: &telegram::Counts,
    connections: &server::Counts,
) -> Registry {
    let mut registry = Registry::default();
    webhook.register(&mut registry);
    inbox.register(&mut registry);
    dispatch.register(&mut registry);
    telegram.register(&mut registry);
    connections.register(&mut registry);
    registry
}

/// The route `/metrics` for the operator's token; no route without a token.
pub fn router(metrics: Metrics, token: Option<&SecretString>) -> Router {
    operator::only(Router::new().route("/metrics", get(show)).with_state(Arc::new(metrics)), token)
}

async fn show(State(metrics): State<Arc<Metrics>>) -> Response {
    let mut scraped = Registry::default();
    scraped.register_collector(Box::new(Scrape::of(&metrics).await));
    let mut page = String::with_capacity(32 * 1024);
    for registry in [&metrics.registry, &scraped] {
        prometheus_text::encode(&mut page, registry).expect("a String accepts every write");
    }
    ([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE), (CACHE_CONTROL, "no-store")], page).into_response()
}
