use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::SharedClock;
use crate::http::listener;
use crate::inbox::SurveyCache;
use crate::lifecycle::Shutdown;
use crate::registrar::{Status, WebhookHealth};
use crate::webhook;

/// What the health routes and `/metrics` report.
pub struct ServiceState {
    /// What is in the inbox.
    pub survey_cache: Arc<SurveyCache>,
    /// The most updates that may wait.
    pub capacity: usize,
    /// The status of the registration.
    pub registration: watch::Receiver<Status>,
    /// What the registrar has observed about the webhook.
    pub webhook_health: watch::Receiver<WebhookHealth>,
    /// The counts of requests to the webhook.
    pub webhook_counts: Arc<webhook::Counts>,
    /// The connections that were opened and closed.
    pub connections: Arc<listener::Counts>,
    /// The most connections at once.
    pub connections_limit: usize,
    /// When the service started.
    pub started_at: Timestamp,
    /// Advice for the operator about the platform.
    pub advice: Option<String>,
    /// The time.
    pub clock: SharedClock,
    /// Whether the service is stopping.
    pub shutdown: Shutdown,
}

impl ServiceState {
    pub(super) fn is_stopping(&self) -> bool {
        self.shutdown.soft.is_cancelled()
    }
}
