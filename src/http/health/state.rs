use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::SharedClock;
use crate::dispatch::Handling;
use crate::handler::forward::BotStatus;
use crate::http::listener;
use crate::inbox::SurveyCache;
use crate::lifecycle::Shutdown;
use crate::registrar::{Status, WebhookHealth};
use crate::webhook;

/// Your own bot behind the service, as the health routes report it.
pub struct BotHealth {
    /// Whether it takes connections.
    pub status: watch::Receiver<BotStatus>,
    /// The Bot API for it, if it listens.
    pub gateway: Option<GatewayHealth>,
}

/// The Bot API for the bot, which listens.
pub struct GatewayHealth {
    /// Whether the bot has used the real token and not the stand-in, since the start.
    pub real_token_used: watch::Receiver<bool>,
}

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
    /// Whether updates are handed to the bot.
    pub handling: watch::Receiver<Handling>,
    /// Your own bot, if one is behind the service.
    pub bot: Option<BotHealth>,
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
