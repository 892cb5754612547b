//! The service, put together: the one place that sees every room.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::{SharedClock, SystemClock};
use crate::dispatch::Dispatch;
use crate::handler::{Commands, Handler, TemplateProblem};
use crate::http::health::{self, Health};
use crate::http::listener::{self, Limits};
use crate::http::metrics::{self, Metrics};
use crate::inbox::{self, Inbox, InboxError, SurveyCache};
use crate::lifecycle::{PartFailed, Shutdown};
use crate::registrar::{self, OffReason, RefusedToken, Registrar, Status, WantedWebhook};
use crate::settings::{InboxUrl, Problem, Settings, SettingsError, origin};
use crate::telegram::{BotApi, BotToken, Call, Identity, PacedApi};
use crate::traces;
use crate::webhook::{self, Counts, Secrets, SourceCheck};

/// How long running handlers may go on after the soft stop: Render kills 30 s after SIGTERM.
pub const GRACE: Duration = Duration::from_secs(25);
/// How long what was let go at the hard stop may take to end.
const LAST_MOMENTS: Duration = Duration::from_secs(3);

/// The whole service, listening already but serving nobody yet.
pub struct App {
    addr: SocketAddr,
    listener: TcpListener,
    limits: Limits,
    connections: Arc<listener::Counts>,
    router: Router,
    dispatch: Arc<Dispatch>,
    registrar: Registrar,
    inbox: Arc<dyn Inbox>,
    clock: SharedClock,
    shutdown: Shutdown,
    /// A preview without a token: health is served, and nothing taken in or handled.
    without_bot: bool,
}

/// What an [`App`] takes from outside beside its settings.
pub struct Parts {
    /// What handles updates; without one, the commands that the settings declare.
    pub handler: Option<Arc<dyn Handler>>,
    /// The time.
    pub clock: SharedClock,
    /// How the service is told to stop.
    pub shutdown: Shutdown,
    /// What the listener puts up with.
    pub limits: Limits,
}

impl Default for Parts {
    fn default() -> Self {
        Self { handler: None, clock: Arc::new(SystemClock), shutdown: Shutdown::new(), limits: Limits::default() }
    }
}

impl App {
    /// Puts the service together, binds the port and opens the inbox, inside a Tokio runtime. Nothing is served, and
    /// Telegram hears nothing, before [`App::run`].
    ///
    /// # Errors
    ///
    /// When the settings, the inbox or the address do not allow it; then nothing is left behind.
    pub fn build(settings: Settings) -> Result<Self, BuildError> {
        Self::build_with(settings, Parts::default())
    }

    /// The same, of parts that the caller brings.
    ///
    /// # Errors
    ///
    /// As [`App::build`].
    pub fn build_with(mut settings: Settings, parts: Parts) -> Result<Self, BuildError> {
        let Parts { handler, clock, shutdown, limits } = parts;
        let (token, wanted) = match settings.telegram.bot_token.clone().map(BotToken::new) {
            Some(token) => {
                let wanted = WantedWebhook::from_settings(&settings.webhook, &settings.platform, &token);
                (token, wanted)
            }
            // The platform gives a preview no secrets: it is to be seen to live all the same.
            None if settings.platform.is_preview() => (BotToken::none(), Err(OffReason::NoToken)),
            None => return Err(BuildError::NoToken),
        };
        let without_bot = matches!(wanted, Err(OffReason::NoToken));
        if without_bot {
            // Nothing will be kept, so nothing is asked of a disk or a database that may not be there.
            settings.inbox.url = InboxUrl::Memory;
        }
        warn_of(&settings);
        let identity = Identity::default();
        let (handler, announcement) = match handler {
            Some(handler) => (handler, None),
            None => declared(&settings, &identity)?,
        };
        let (listener, addr) = listen(&settings)?;
        // After the port, which may be taken: then no file is left behind.
        let kept = Arc::<inbox::Counts>::default();
        let bot = token.bot_id();
        let inbox = inbox::open(&settings.inbox, bot, Arc::clone(&clock), &shutdown, Arc::clone(&kept))?;
        let traces = traces::open(&settings.traces, bot, Arc::clone(&clock), &shutdown);
        let survey_cache = Arc::new(SurveyCache::new(Arc::clone(&inbox), Arc::clone(&clock)));

        let api = BotApi::new(&settings.telegram, token.clone(), Arc::clone(&clock));
        let counts = Arc::new(Counts::default());
        let registrar = Registrar::new(
            wanted,
            registrar::Deps {
                api: api.clone(),
                announce: announcement,
                identity,
                clock: Arc::clone(&clock),
                watch_interval: settings.webhook.watch_interval,
                wrong_secrets: counts.unauthorized.subscribe(),
            },
        );
        let advice = inbox::ephemeral_storage_warning(&settings.inbox, &settings.platform);
        let advice = advice.inspect(|advice| tracing::warn!("{advice}"));
        let health = Health {
            survey_cache: Arc::clone(&survey_cache),
            capacity: settings.inbox.capacity,
            registration: registrar.status(),
            webhook_health: registrar.health(),
            counts: Arc::clone(&counts),
            started_at: clock.now(),
            advice,
            clock: Arc::clone(&clock),
            shutdown: shutdown.clone(),
        };
        let router = if without_bot {
            Router::new()
        } else {
            webhook::router(webhook::Deps {
                inbox: Arc::clone(&inbox),
                secrets: secrets(&token, &settings),
                sources: SourceCheck::new(&settings.webhook, &settings.platform),
                body_limit: settings.server.body_limit,
                counts: Arc::clone(&counts),
                traces: traces.clone(),
                clock: Arc::clone(&clock),
            })
        };
        let dispatch = Dispatch::new(
            Arc::clone(&inbox),
            handler,
            PacedApi::new(api.clone(), &settings.outbound, Arc::clone(&clock)),
            settings.dispatch.clone(),
            Arc::clone(&clock),
            shutdown.clone(),
            traces,
        );
        let connections = Arc::<listener::Counts>::default();
        let metrics = Metrics {
            registry: metrics::registry(&counts, &kept, dispatch.counts(), api.counts(), &connections),
            survey_cache,
            capacity: settings.inbox.capacity,
            registration: registrar.status(),
            webhook_health: registrar.health(),
            connections: Arc::clone(&connections),
            connections_limit: limits.connections,
            started_at: health.started_at,
            clock: Arc::clone(&clock),
        };
        let metrics = metrics::router(metrics, settings.console.token.as_ref());
        let router = router.merge(health::router(health)).merge(metrics);
        let router = crate::http::complete(router, settings.webhook.public_url.as_deref());
        Ok(Self {
            addr,
            listener,
            limits,
            connections,
            router,
            dispatch,
            registrar,
            inbox,
            clock,
            shutdown,
            without_bot,
        })
    }

    /// The address that is listened on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What answers requests, for whoever asks without a connection.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The status of the registration, now and whenever it changes.
    #[must_use]
    pub fn registration(&self) -> watch::Receiver<Status> {
        self.registrar.status()
    }

    /// What is kept.
    #[must_use]
    pub fn inbox(&self) -> Arc<dyn Inbox> {
        Arc::clone(&self.inbox)
    }

    /// What brings updates to the handler.
    #[must_use]
    pub fn dispatch(&self) -> Arc<Dispatch> {
        Arc::clone(&self.dispatch)
    }

    /// Serves, registers and handles until the service is told to stop, and then lets everything
    /// end: requests are answered, handlers finish within the grace, what is left over is put back.
    ///
    /// # Errors
    ///
    /// [`RunError`] when the service stops although nobody told it to.
    pub async fn run(self) -> Result<(), RunError> {
        let Self {
            addr,
            listener,
            limits,
            connections,
            router,
            dispatch,
            registrar,
            inbox,
            clock,
            shutdown,
            without_bot,
        } = self;
        tracing::info!(%addr, "listening");
        let tasks = &shutdown.tasks;
        let deps =
            listener::Deps { limits, counts: connections, clock: Arc::clone(&clock), shutdown: shutdown.clone() };
        let serving = listener::serve(listener, router, deps);
        let serving = shutdown.supervise("the listener", serving);
        let (working, soft) = (Arc::clone(&dispatch), shutdown.soft.clone());
        let working = shutdown.supervise("dispatch", async move {
            if without_bot { soft.cancelled().await } else { working.run().await }
        });
        let keeping = Arc::clone(&dispatch);
        shutdown.supervise("the upkeep of the inbox", async move { keeping.keep_up().await });
        let soft = shutdown.soft.clone();
        let registering = shutdown.supervise("the registrar", async move {
            let registered = registrar.run(&soft).await;
            // It ends before the stop when the token is refused: then there is nothing to serve.
            soft.cancel();
            registered
        });
        shutdown.soft.cancelled().await;
        tasks.close();
        tracing::info!("stopping: what was begun is being finished");
        let finished = async {
            // A task that panicked has said so, and is finished as well.
            let _ = serving.await;
            let _ = working.await;
            dispatch.idle().await;
        };
        tokio::select! {
            () = finished => {}
            () = shutdown.hard.cancelled() => {}
            () = clock.sleep(GRACE) => tracing::warn!("the grace is over: what still runs is put back"),
        }
        // It ends at the soft stop, whatever it waits for.
        let registered = registering.await.ok().flatten().unwrap_or(Ok(()));
        shutdown.hard.cancel();
        tokio::select! {
            () = tasks.wait() => {}
            () = clock.sleep(LAST_MOMENTS) => tracing::warn!("some tasks did not end in time"),
        }
        drop((dispatch, inbox));
        tracing::info!("stopped");
        registered?;
        shutdown.failure().map_or(Ok(()), |failed| Err(failed.into()))
    }
}

/// Says what is probably not meant in the settings.
fn warn_of(settings: &Settings) {
    for warning in &settings.warnings {
        let (key, source, hint) = (&warning.key, &warning.source, warning.hint.as_deref().unwrap_or_default());
        tracing::warn!(key, %source, hint, "a setting is probably not what was meant: {}", warning.found);
    }
}

/// What answers the commands that the settings declare, and the call that shows people which there are.
fn declared(settings: &Settings, identity: &Identity) -> Result<(Arc<dyn Handler>, Option<Call>), BuildError> {
    let commands = Commands::new(&settings.commands, &settings.buttons, settings.fallback.as_ref(), identity.clone())
        .map_err(|problems| BuildError::Settings(as_settings(&problems, settings)))?;
    let announcement = commands.announcement();
    Ok((Arc::new(commands), announcement))
}

/// Templates are checked where they are used; to the operator their problems are the settings'.
fn as_settings(problems: &[TemplateProblem], settings: &Settings) -> SettingsError {
    let problem = |problem: &TemplateProblem| Problem {
        key: problem.key.clone(),
        source: settings.source(&problem.key).unwrap_or(origin::DEFAULT).to_owned(),
        found: problem.found.clone(),
        wanted: problem.wanted.clone(),
        hint: None,
    };
    SettingsError { problems: problems.iter().map(problem).collect() }
}

/// The secret tokens of the webhook that are valid.
fn secrets(token: &BotToken, settings: &Settings) -> Secrets {
    Secrets::new(&token.secret_in_force(&settings.webhook), settings.webhook.previous_secret_token.as_ref())
}

/// The port that the settings name, or any free one, and which it is.
fn listen(settings: &Settings) -> Result<(TcpListener, SocketAddr), BuildError> {
    let address = SocketAddr::new(settings.server.host, settings.server.port);
    let failed = |source| BuildError::Listen { address, source };
    let listener = listener::bind(address).map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// Why a service stopped although nobody told it to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Telegram does not know the bot token.
    #[error(transparent)]
    RefusedToken(#[from] RefusedToken),
    /// A part of the service failed.
    #[error(transparent)]
    PartFailed(#[from] PartFailed),
}

/// Why the service could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no bot token.
    #[error("there is no bot token")]
    NoToken,
    /// A reply in the settings cannot be used.
    #[error(transparent)]
    Settings(SettingsError),
    /// The inbox cannot be opened.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
