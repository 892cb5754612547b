//! The steps in which the service is built.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use jiff::Timestamp;
use tokio::net::TcpListener;

use super::error::BuildError;
use crate::clock::SharedClock;
use crate::dispatch::Dispatch;
use crate::handler::{Commands, Handler, TemplateProblem};
use crate::http::health::{self, Health};
use crate::http::metrics::{self, Metrics};
use crate::http::{complete, listener};
use crate::inbox::{self, Inbox, SurveyCache};
use crate::lifecycle::Shutdown;
use crate::registrar::{OffReason, Registrar, WantedWebhook};
use crate::settings::{InboxUrl, Problem, Settings, SettingsError, origin};
use crate::telegram::{BotApi, BotId, BotToken, Call, Identity};
use crate::telemetry::Traces;
use crate::webhook::{self, Secrets, SourceCheck};

/// The bot of the settings, and the webhook that it wants.
pub(super) struct Bot {
    pub(super) token: BotToken,
    pub(super) wanted: Result<WantedWebhook, OffReason>,
    pub(super) identity: Identity,
}

impl Bot {
    /// The bot of the settings. A preview on a platform gets no secrets: without a token it still starts, stores
    /// nothing and reports its health.
    pub(super) fn from_settings(settings: &mut Settings) -> Result<Self, BuildError> {
        let (token, wanted) = match settings.telegram.bot_token.clone().map(BotToken::new) {
            Some(token) => {
                let wanted = WantedWebhook::from_settings(&settings.webhook, &settings.platform, &token);
                (token, wanted)
            }
            None if settings.platform.is_preview() => (BotToken::none(), Err(OffReason::NoToken)),
            None => return Err(BuildError::NoToken),
        };
        let bot = Self { token, wanted, identity: Identity::default() };
        if bot.is_absent() {
            // The disk or the database of production may not exist here.
            settings.inbox.url = InboxUrl::Memory;
        }
        Ok(bot)
    }

    /// Whether this is a preview without a token.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.wanted, Err(OffReason::NoToken))
    }
}

/// Logs valid settings that are probably a mistake.
pub(super) fn log_warnings(settings: &Settings) {
    for warning in &settings.warnings {
        let (key, source, hint) = (&warning.key, &warning.source, warning.hint.as_deref().unwrap_or_default());
        tracing::warn!(key, %source, hint, "a setting is probably not what was meant: {}", warning.found);
    }
    if let Some(advice) = inbox::ephemeral_storage_warning(&settings.inbox, &settings.platform) {
        tracing::warn!("{advice}");
    }
}

/// The caller's handler, else the commands of the settings and the call that shows them to people.
pub(super) fn handler(
    given: Option<Arc<dyn Handler>>,
    settings: &Settings,
    identity: &Identity,
) -> Result<(Arc<dyn Handler>, Option<Call>), BuildError> {
    if let Some(handler) = given {
        return Ok((handler, None));
    }
    let commands = Commands::new(&settings.commands, &settings.buttons, settings.fallback.as_ref(), identity.clone())
        .map_err(|problems| BuildError::Settings(as_settings_error(&problems, settings)))?;
    let announcement = commands.announcement();
    Ok((Arc::new(commands), announcement))
}

/// The handler checks the templates. For the operator their problems are problems of the settings.
fn as_settings_error(problems: &[TemplateProblem], settings: &Settings) -> SettingsError {
    let problem = |problem: &TemplateProblem| Problem {
        key: problem.key.clone(),
        source: settings.source(&problem.key).unwrap_or(origin::DEFAULT).to_owned(),
        found: problem.found.clone(),
        wanted: problem.wanted.clone(),
        hint: None,
    };
    SettingsError { problems: problems.iter().map(problem).collect() }
}

/// Binds the port of the settings. The address names the port that was bound where the settings say 0.
pub(super) fn bind(settings: &Settings) -> Result<(TcpListener, SocketAddr), BuildError> {
    let address = SocketAddr::new(settings.server.host, settings.server.port);
    let failed = |source| BuildError::Listen { address, source };
    let listener = listener::bind(address).map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// The inbox, and what is measured of it.
pub(super) struct Storage {
    pub(super) inbox: Arc<dyn Inbox>,
    counts: Arc<inbox::Counts>,
    survey_cache: Arc<SurveyCache>,
}

impl Storage {
    pub(super) fn open(
        settings: &Settings,
        bot: BotId,
        clock: &SharedClock,
        shutdown: &Shutdown,
    ) -> Result<Self, BuildError> {
        let counts = Arc::<inbox::Counts>::default();
        let inbox = inbox::open(&settings.inbox, bot, Arc::clone(clock), shutdown, Arc::clone(&counts))?;
        let survey_cache = Arc::new(SurveyCache::new(Arc::clone(&inbox), Arc::clone(clock)));
        Ok(Self { inbox, counts, survey_cache })
    }
}

/// What the routes show or use.
pub(super) struct Routes<'a> {
    pub(super) settings: &'a Settings,
    pub(super) bot: &'a Bot,
    pub(super) storage: &'a Storage,
    pub(super) registrar: &'a Registrar,
    pub(super) dispatch: &'a Dispatch,
    pub(super) api: &'a BotApi,
    pub(super) traces: Traces,
    pub(super) webhook_counts: Arc<webhook::Counts>,
    pub(super) connections: &'a Arc<listener::Counts>,
    pub(super) connections_limit: usize,
    pub(super) started_at: Timestamp,
    pub(super) clock: &'a SharedClock,
    pub(super) shutdown: &'a Shutdown,
}

impl Routes<'_> {
    /// Every route, also below the path of the public URL.
    pub(super) fn router(&self) -> Router {
        let router = self.webhook().merge(self.health()).merge(self.metrics());
        complete(router, self.settings.webhook.public_url.as_deref())
    }

    fn webhook(&self) -> Router {
        if self.bot.is_absent() {
            return Router::new();
        }
        let settings = &self.settings.webhook;
        let secret = self.bot.token.effective_webhook_secret(settings);
        webhook::router(webhook::Deps {
            inbox: Arc::clone(&self.storage.inbox),
            secrets: Secrets::new(&secret, settings.previous_secret_token.as_ref()),
            sources: SourceCheck::new(settings, &self.settings.platform),
            body_limit: self.settings.server.body_limit,
            counts: Arc::clone(&self.webhook_counts),
            traces: self.traces.clone(),
            clock: Arc::clone(self.clock),
        })
    }

    fn health(&self) -> Router {
        health::router(Health {
            survey_cache: Arc::clone(&self.storage.survey_cache),
            capacity: self.settings.inbox.capacity,
            registration: self.registrar.status(),
            webhook_health: self.registrar.health(),
            counts: Arc::clone(&self.webhook_counts),
            started_at: self.started_at,
            advice: inbox::ephemeral_storage_warning(&self.settings.inbox, &self.settings.platform),
            clock: Arc::clone(self.clock),
            shutdown: self.shutdown.clone(),
        })
    }

    fn metrics(&self) -> Router {
        let registry = metrics::registry(
            &self.webhook_counts,
            &self.storage.counts,
            self.dispatch.counts(),
            self.api.counts(),
            self.connections,
        );
        let metrics = Metrics {
            registry,
            survey_cache: Arc::clone(&self.storage.survey_cache),
            capacity: self.settings.inbox.capacity,
            registration: self.registrar.status(),
            webhook_health: self.registrar.health(),
            connections: Arc::clone(self.connections),
            connections_limit: self.connections_limit,
            started_at: self.started_at,
            clock: Arc::clone(self.clock),
        };
        metrics::router(metrics, self.settings.console.token.as_ref())
    }
}
