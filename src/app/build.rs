//! The steps in which the service is built.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::error::BuildError;
use crate::clock::SharedClock;
use crate::console::{self, Console};
use crate::handler::{Commands, Handler, TemplateProblem};
use crate::http::health::{self, Links, ServiceState};
use crate::http::{complete, listener, metrics, pages, public_path};
use crate::inbox::{self, Inbox, SurveyCache};
use crate::lifecycle::Shutdown;
use crate::registrar::{self, OffReason, Registrar, WantedWebhook};
use crate::settings::{ConsoleSettings, InboxUrl, Problem, Settings, SettingsError, origin};
use crate::telegram::{BotApi, BotId, BotToken, Call, Identity};
use crate::telemetry::{Registry, Traces};
use crate::trail::{self, Trail};
use crate::webhook::{self, Secrets, SourceCheck};

/// How long running handlers may continue after the soft stop. Render kills the process 30 s after SIGTERM.
pub const GRACE: Duration = Duration::from_secs(25);

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

/// The caller's trail, else one of the service's own where the console can show it, else none.
pub(super) fn trail(given: Trail, console: &ConsoleSettings, clock: &SharedClock) -> Trail {
    if given.is_on() || console.token.is_none() {
        return given;
    }
    let limits = trail::Limits { updates: console.trail_updates, bytes: console.trail_bytes };
    Trail::new(limits, Arc::clone(clock))
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
    pub(super) counts: Arc<inbox::Counts>,
    pub(super) survey_cache: Arc<SurveyCache>,
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

/// The registrar of the bot's webhook. `kinds`: those that your own bot asks for.
pub(super) fn registrar(
    settings: &Settings,
    bot: &Bot,
    announcement: Option<Call>,
    api: &BotApi,
    counts: &webhook::Counts,
    kinds: watch::Receiver<Option<Vec<String>>>,
    clock: &SharedClock,
) -> Registrar {
    let deps = registrar::Deps {
        api: api.clone(),
        announce: announcement,
        identity: bot.identity.clone(),
        clock: Arc::clone(clock),
        watch_interval: settings.webhook.watch_interval,
        wrong_secrets: counts.unauthorized.subscribe(),
        kinds,
    };
    Registrar::new(bot.wanted.clone(), deps)
}

/// What the webhook needs. A preview without a token receives nothing.
pub(super) fn receive(
    settings: &Settings,
    bot: &Bot,
    inbox: &Arc<dyn Inbox>,
    counts: &Arc<webhook::Counts>,
    (traces, trail): (Traces, Trail),
    clock: &SharedClock,
) -> Option<webhook::Deps> {
    (!bot.is_absent()).then(|| webhook::Deps {
        inbox: Arc::clone(inbox),
        order: settings.dispatch.order.clone(),
        secrets: Secrets::new(
            &bot.token.effective_webhook_secret(&settings.webhook),
            settings.webhook.previous_secret_token.as_ref(),
        ),
        sources: SourceCheck::new(&settings.webhook, &settings.platform),
        body_limit: settings.server.body_limit,
        counts: Arc::clone(counts),
        traces,
        trail,
        clock: Arc::clone(clock),
    })
}

/// The routes of all modules.
pub(super) fn routes(
    settings: &Settings,
    webhook: Option<webhook::Deps>,
    registry: Registry,
    service: Arc<ServiceState>,
    console: Option<Arc<Console>>,
) -> Router {
    let root = public_path(settings.webhook.public_url.as_deref());
    let links = Links { root, has_console: console.is_some() };
    let mut pages = health::front_page(Arc::clone(&service), links);
    if let Some(console) = console {
        pages = pages.merge(console::router(console));
    }
    let router = webhook
        .map_or_else(Router::new, webhook::router)
        .merge(health::router(Arc::clone(&service)))
        .merge(pages::routes(pages))
        .merge(metrics::router(registry, service, settings.console.token.as_ref()));
    complete(router, settings.webhook.public_url.as_deref())
}
