//! Metrics: serves `/metrics` in the Prometheus text format to the operator's token.
//!
//! Each module updates metrics of its own and adds them to the registry; `/healthz` reads the same ones. Values that can
//! be read at any time (the inbox, the registration, the process) are read at each scrape.

mod process;
mod samples;
mod scrape;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::prometheus_text;
use secrecy::SecretString;

use super::health::ServiceState;
use super::layers::no_store;
use super::listener;
use super::operator::require_operator_token;
use crate::telemetry::Registry;
use crate::{dispatch, inbox, telegram, webhook};
use scrape::Scrape;

/// What `/metrics` shows.
struct Metrics {
    /// The metrics that the modules update as they work.
    registry: Registry,
    service: Arc<ServiceState>,
}

/// Registers the metrics of all modules.
#[must_use]
pub fn registry(
    webhook: &webhook::Counts,
    inbox: &inbox::Counts,
    dispatch: &dispatch::Counts,
    telegram: &telegram::Counts,
    connections: &listener::Counts,
) -> Registry {
    let mut registry = Registry::default();
    webhook.register(&mut registry);
    inbox.register(&mut registry);
    dispatch.register(&mut registry);
    telegram.register(&mut registry);
    connections.register(&mut registry);
    registry
}

/// The route `/metrics`, for the operator's token. Without a token in the settings there is no route.
pub fn router(registry: Registry, service: Arc<ServiceState>, token: Option<&SecretString>) -> Router {
    let metrics = Arc::new(Metrics { registry, service });
    let routes = Router::new().route("/metrics", get(show)).with_state(metrics);
    no_store(require_operator_token(routes, token))
}

async fn show(State(metrics): State<Arc<Metrics>>) -> Response {
    let mut scraped = Registry::default();
    scraped.register_collector(Box::new(Scrape::read(&metrics.service).await));
    let mut text = String::with_capacity(32 * 1024);
    for registry in [&metrics.registry, &scraped] {
        prometheus_text::encode(&mut text, registry).expect("a String accepts every write");
    }
    ([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response()
}
