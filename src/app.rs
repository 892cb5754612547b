//! Builds the service, runs it and supervises its tasks. It is the one module that imports all others.

mod build;
mod error;
mod own_bot;
mod sentences;
mod stored_target;
mod view;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{SharedClock, SystemClock};
use crate::console::{self, Console};
use crate::dispatch::{self, Dispatch};
use crate::handler::Handler;
use crate::http::health::ServiceState;
use crate::http::listener::{self, Limits};
use crate::http::metrics;
use crate::inbox::{self, Inbox};
use crate::lifecycle::{Shutdown, Task};
use crate::process;
use crate::registrar::{RefusedToken, Registrar};
use crate::settings::{InboxUrl, Settings};
use crate::telegram::{BotApi, RateLimitedApi};
use crate::traces;
use crate::trail::Trail;
use crate::webhook;
use build::{Bot, Storage};
use own_bot::{GatewayParts, OwnBot, ServiceParts};

pub use build::GRACE;
pub use error::{BuildError, RunError};
pub use sentences::Sentences;

/// How long the tasks may take to end after the hard stop.
const HARD_STOP_LIMIT: Duration = Duration::from_secs(3);

/// The whole service. It is bound to its port and serves nothing yet.
pub struct App {
    addr: SocketAddr,
    listener: TcpListener,
    limits: Limits,
    connections: Arc<listener::Counts>,
    router: Router,
    dispatch: Arc<Dispatch>,
    registrar: Registrar,
    service: Arc<ServiceState>,
    own_bot: Option<OwnBot>,
    console: Option<Arc<Console>>,
    inbox: Arc<dyn Inbox>,
    trail: Trail,
    clock: SharedClock,
    shutdown: Shutdown,
    /// A preview without a token only reports its health: it receives and handles nothing.
    without_bot: bool,
}

/// The dependencies of an [`App`], in addition to its settings.
pub struct Dependencies {
    /// The handler of updates. `None` stands for the commands in the settings.
    pub handler: Option<Arc<dyn Handler>>,
    /// The clock.
    pub clock: SharedClock,
    /// Stops the service.
    pub shutdown: Shutdown,
    /// The limits of the listener.
    pub limits: Limits,
    /// The command of your own bot, which the service runs as a child process.
    pub command: Option<process::Command>,
    /// What happened to the latest updates, if the caller shows it. If it is off, the service has a trail of its own where
    /// its console can show it.
    pub trail: Trail,
}

impl Default for Dependencies {
    fn default() -> Self {
        Self {
            handler: None,
            clock: Arc::new(SystemClock),
            shutdown: Shutdown::new(),
            limits: Limits::default(),
            command: None,
            trail: Trail::default(),
        }
    }
}

impl App {
    /// Builds the service, binds its port and opens the inbox. It must be called inside a Tokio runtime. Until
    /// [`App::run`] no request is served and Telegram is not called.
    ///
    /// # Errors
    ///
    /// When the settings, the inbox or the address cannot be used. Then no file is left behind.
    pub fn build(settings: Settings) -> Result<Self, BuildError> {
        Self::build_with(settings, Dependencies::default())
    }

    /// Builds the service as [`App::build`] does, from dependencies that the caller chooses.
    ///
    /// # Errors
    ///
    /// As [`App::build`].
    pub fn build_with(mut settings: Settings, dependencies: Dependencies) -> Result<Self, BuildError> {
        let Dependencies { handler, clock, shutdown, limits, command, trail } = dependencies;
        let trail = build::trail(trail, &settings.console, &clock);
        let bot = Bot::from_settings(&mut settings)?;
        build::log_warnings(&settings);
        let (listener, addr) = build::bind(&settings)?;
        let mut own_bot = match handler {
            None => {
                let service = ServiceParts { own_port: addr.port(), trail: &trail, clock: &clock, shutdown: &shutdown };
                OwnBot::build(&settings, command, &bot, &service)?
            }
            Some(_) => None,
        };
        let given = handler.or_else(|| own_bot.as_ref().map(OwnBot::handler));
        let (handler, announcement) = build::handler(given, &settings, &bot.identity)?;
        // The inbox comes after the port: if the port is taken, no file is left behind.
        let storage = Storage::open(&settings, bot.token.bot_id(), &clock, &shutdown)?;
        let traces = traces::open(&settings.traces, bot.token.bot_id(), Arc::clone(&clock), &shutdown);
        let api = BotApi::new(&settings.telegram, bot.token.clone(), Arc::clone(&clock));
        let webhook_counts = Arc::new(webhook::Counts::default());
        let kinds = own_bot.as_ref().map_or_else(|| watch::channel(None).1, OwnBot::kinds);
        let registrar = build::registrar(&settings, &bot, announcement, &api, &webhook_counts, kinds, &clock);
        let rate_limited_api = RateLimitedApi::new(api.clone(), &settings.outbound, Arc::clone(&clock));
        if let Some(own_bot) = &mut own_bot {
            let parts = GatewayParts {
                inbox: Arc::clone(&storage.inbox),
                survey: Arc::clone(&storage.survey_cache),
                throttles: rate_limited_api.throttles(),
                traces: traces.clone(),
                token: bot.token.clone(),
            };
            own_bot.connect(&settings, parts);
        }
        let deps = dispatch::Deps {
            inbox: Arc::clone(&storage.inbox),
            is_memory: matches!(settings.inbox.url, InboxUrl::Memory),
            handler,
            api: rate_limited_api,
            traces: traces.clone(),
            trail: trail.clone(),
            clock: Arc::clone(&clock),
            shutdown: shutdown.clone(),
        };
        let dispatch = Dispatch::new(deps, settings.dispatch.clone());
        let connections = Arc::<listener::Counts>::default();
        let mut registry =
            metrics::registry(&webhook_counts, &storage.counts, dispatch.counts(), api.counts(), &connections);
        if let Some(own_bot) = &own_bot {
            own_bot.register_counts(&mut registry);
        }
        let receive = build::receive(&settings, &bot, &storage.inbox, &webhook_counts, (traces, trail.clone()), &clock);
        let service = Arc::new(ServiceState {
            survey_cache: storage.survey_cache,
            capacity: settings.inbox.capacity,
            registration: registrar.status(),
            webhook_health: registrar.health(),
            handling: dispatch.pausing().subscribe(),
            bot: own_bot.as_ref().map(OwnBot::health),
            webhook_counts,
            connections: Arc::clone(&connections),
            connections_limit: limits.connections,
            started_at: clock.now(),
            advice: inbox::ephemeral_storage_warning(&settings.inbox, &settings.platform),
            clock: Arc::clone(&clock),
            shutdown: shutdown.clone(),
        });
        let console = console::Deps {
            service: Arc::clone(&service),
            inbox: Arc::clone(&storage.inbox),
            dispatch: Arc::clone(&dispatch),
            api,
            registrar: registrar.control(),
            bot: own_bot.as_ref().map(OwnBot::shown),
            trail: trail.clone(),
        };
        let console = Console::new(&settings, console);
        let router = build::routes(&settings, receive, registry, Arc::clone(&service), console.clone());
        let (without_bot, inbox) = (bot.is_absent(), storage.inbox);
        Ok(Self {
            addr,
            listener,
            limits,
            connections,
            router,
            dispatch,
            registrar,
            service,
            own_bot,
            console,
            inbox,
            trail,
            clock,
            shutdown,
            without_bot,
        })
    }

    /// Serves requests, registers the webhook and handles updates until the soft stop. Then requests are answered and
    /// handlers finish within [`GRACE`]. Updates that are still in progress after it go back to the inbox.
    ///
    /// # Errors
    ///
    /// [`RunError`] when the service stops without a stop request.
    pub async fn run(self) -> Result<(), RunError> {
        tracing::info!(addr = %self.addr, "listening");
        let (inbox, dispatch) = (Arc::clone(&self.inbox), Arc::clone(&self.dispatch));
        let (clock, shutdown) = (Arc::clone(&self.clock), self.shutdown.clone());
        let tasks = self.start_tasks();
        shutdown.soft.cancelled().await;
        shutdown.tasks.close();
        tracing::info!("stopping: running work is being finished");
        let finished = async {
            // A task that panicked has been logged, and counts as finished.
            let _ = tasks.listener.await;
            let _ = tasks.dispatch.await;
            dispatch.idle().await;
        };
        tokio::select! {
            () = finished => {}
            () = shutdown.hard.cancelled() => {}
            () = clock.sleep(GRACE) => {
                tracing::warn!("the grace period of 25 s is over: updates that still run go back to the inbox");
            }
        }
        // The bot's process takes the rest of the grace period at most.
        let own_bot = match tasks.own_bot {
            Some(own_bot) => own_bot.stop().await,
            None => Ok(()),
        };
        // The registrar ends at the soft stop and interrupts its waits.
        let registered = tasks.registrar.await.ok().flatten().unwrap_or(Ok(()));
        shutdown.hard.cancel();
        tokio::select! {
            () = shutdown.tasks.wait() => {}
            () = clock.sleep(HARD_STOP_LIMIT) => {
                tracing::warn!(tasks = shutdown.tasks.len(), "some tasks did not end within 3 s of the hard stop");
            }
        }
        drop((dispatch, inbox));
        tracing::info!("stopped");
        own_bot?;
        registered?;
        shutdown.failure().map_or(Ok(()), |failed| Err(failed.into()))
    }

    /// Starts the supervised tasks. Each of them is a [`Task`].
    fn start_tasks(self) -> Tasks {
        let Self { listener, router, limits, connections, clock, shutdown, without_bot, registrar, own_bot, .. } = self;
        let own_bot = own_bot.map(|own_bot| own_bot.start(self.inbox));
        let deps = listener::Deps { limits, counts: connections, clock, shutdown: shutdown.clone() };
        let serve = listener::serve(listener, router, deps);
        let listener = shutdown.supervise(Task::Listener, serve);
        let (dispatch, soft) = (Arc::clone(&self.dispatch), shutdown.soft.clone());
        let dispatch = shutdown.supervise(Task::Dispatch, async move {
            if without_bot { soft.cancelled().await } else { dispatch.run().await }
        });
        let pause = Arc::clone(&self.dispatch);
        shutdown.supervise(Task::PauseWatch, async move { pause.watch_pause().await });
        if let Some(console) = self.console {
            shutdown.supervise(Task::Console, console.watch(shutdown.soft.clone()));
        }
        let leases = Arc::clone(&self.dispatch);
        shutdown.supervise(Task::LeaseRenewal, async move { leases.maintain_leases().await });
        let sweep = self.dispatch;
        shutdown.supervise(Task::InboxSweep, async move { sweep.sweep_inbox().await });
        let soft = shutdown.soft.clone();
        let registrar = shutdown.supervise(Task::Registrar, async move {
            let registered = registrar.run(&soft).await;
            // If Telegram refuses the token, it returns before the soft stop: then there is nothing to serve.
            soft.cancel();
            registered
        });
        Tasks { listener, dispatch, registrar, own_bot }
    }
}

/// The tasks for which a stop waits one by one.
struct Tasks {
    listener: JoinHandle<Option<()>>,
    dispatch: JoinHandle<Option<()>>,
    registrar: JoinHandle<Option<Result<(), RefusedToken>>>,
    own_bot: Option<own_bot::Running>,
}
