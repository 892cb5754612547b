//! Your own bot behind the service: the forward that brings it its updates, the gateway that it calls, and its process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::build::{Bot, GRACE};
use super::error::BuildError;
use super::stored_target::StoredTarget;
use crate::clock::SharedClock;
use crate::console;
use crate::gateway;
use crate::handler::Handler;
use crate::handler::forward::{self, BotStatus, Forward, Targets};
use crate::http::health::{BotHealth, GatewayHealth};
use crate::http::listener;
use crate::inbox::{Inbox, SurveyCache};
use crate::lifecycle::{Shutdown, Task};
use crate::process::{self, BotVariables, CannotStart, Child};
use crate::settings::{InboxUrl, Settings};
use crate::telegram::{BotToken, Throttles};
use crate::telemetry::{Registry, Traces};
use crate::trail::Trail;

/// The longest time that the bot may take for an update where Telegram waits for the bot, because nothing is stored.
const TIME_LIMIT_WITHOUT_STORE: Duration = Duration::from_secs(25);

/// The bot's side of the service. Its gateway is bound and nothing runs yet.
pub(super) struct OwnBot {
    pub(super) forward: Arc<Forward>,
    gateway_counts: Arc<gateway::Counts>,
    gateway: TcpListener,
    gateway_addr: SocketAddr,
    gateway_routes: Router,
    targets: Targets,
    /// Whether other instances can have the same inbox.
    is_shared: bool,
    real_token_used: watch::Sender<bool>,
    child: Option<Child>,
    /// Cancelled at a stop, when running work has finished: then the child is asked to end.
    drained: CancellationToken,
    clock: SharedClock,
    shutdown: Shutdown,
}

/// What the bot's side needs of the service.
pub(super) struct ServiceParts<'a> {
    /// The port of the service.
    pub(super) own_port: u16,
    pub(super) trail: &'a Trail,
    pub(super) clock: &'a SharedClock,
    pub(super) shutdown: &'a Shutdown,
}

/// What the gateway needs of the other parts of the service.
pub(super) struct GatewayParts {
    pub(super) inbox: Arc<dyn Inbox>,
    pub(super) survey: Arc<SurveyCache>,
    pub(super) throttles: Throttles,
    pub(super) traces: Traces,
    pub(super) token: BotToken,
}

impl OwnBot {
    /// Kills the bot's process on demand, if there is one.
    pub(super) fn killer(&self) -> Option<process::Killer> {
        self.child.as_ref().map(Child::killer)
    }

    /// The bot behind the service, if the settings or the command line name one.
    pub(super) fn build(
        settings: &Settings,
        command: Option<process::Command>,
        bot: &Bot,
        service: &ServiceParts<'_>,
    ) -> Result<Option<Self>, BuildError> {
        let ServiceParts { own_port, trail, clock, shutdown } = *service;
        let has_bot = command.is_some() || settings.forward.url.is_some();
        // A preview without a token receives nothing for a bot.
        let Some(address) = settings.gateway.address(has_bot).filter(|_| !bot.is_absent()) else { return Ok(None) };
        if !settings.commands.is_empty() || !settings.buttons.is_empty() || settings.fallback.is_some() {
            tracing::info!("your own bot answers: the replies that the settings declare are not sent");
        }
        let unusable = |source| BuildError::Gateway { address, source };
        let gateway = listener::bind(address).map_err(unusable)?;
        let gateway_addr = gateway.local_addr().map_err(unusable)?;
        let child_port = match &command {
            Some(_) => Some(process::choose_port(settings.process.port).map_err(BuildError::NoPort)?),
            None => None,
        };
        let drained = CancellationToken::new();
        let child = command.zip(child_port).map(|(command, port)| {
            let bot = BotVariables {
                api_url: format!("http://{}", on_this_machine(gateway_addr)),
                stand_in: bot.token.stand_in(),
                real_token: settings.telegram.bot_token.clone().unwrap_or_default(),
                webhook_secret: bot.token.child_webhook_secret(),
                port,
            };
            let (drained, clock, shutdown) = (drained.clone(), Arc::clone(clock), shutdown.clone());
            Child::new(process::Deps { command, bot, grace: GRACE, drained, clock, shutdown })
        });
        let targets = Targets::default();
        let is_stored = !matches!(settings.inbox.url, InboxUrl::Memory);
        let time_limit = settings.forward.time_limit;
        let forward = Forward::new(
            &settings.forward,
            forward::Deps {
                bot: bot.token.bot_id(),
                targets: targets.clone(),
                address: child_port.map(|port| (Ipv4Addr::LOCALHOST, port).into()),
                public_url: settings.webhook.public_url.clone(),
                own_ports: vec![own_port, gateway_addr.port()],
                concurrency: settings.dispatch.concurrency,
                time_limit: if is_stored { time_limit } else { time_limit.min(TIME_LIMIT_WITHOUT_STORE) },
                trail: trail.clone(),
                clock: Arc::clone(clock),
                shutdown: shutdown.clone(),
            },
        );
        Ok(Some(Self {
            forward,
            gateway_counts: Arc::default(),
            gateway,
            gateway_addr,
            gateway_routes: Router::new(),
            targets,
            is_shared: matches!(settings.inbox.url, InboxUrl::Postgres(_)),
            real_token_used: watch::Sender::new(false),
            child,
            drained,
            clock: Arc::clone(clock),
            shutdown: shutdown.clone(),
        }))
    }

    /// The kinds of updates that the bot asks for, now and whenever that changes. `None`: those of the settings.
    pub(super) fn kinds(&self) -> watch::Receiver<Option<Vec<String>>> {
        let (sender, kinds) = watch::channel(None);
        let (mut targets, soft) = (self.targets.subscribe(), self.shutdown.soft.clone());
        self.shutdown.supervise_job(Task::BotWatch, async move {
            loop {
                let wanted = targets.borrow_and_update().as_ref().and_then(|target| target.allowed_updates.clone());
                sender.send_if_modified(|kinds| {
                    let is_new = *kinds != wanted;
                    *kinds = wanted;
                    is_new
                });
                tokio::select! {
                    () = soft.cancelled() => return,
                    changed = targets.changed() => if changed.is_err() { return },
                }
            }
        });
        kinds
    }

    /// The handler that brings the bot its updates.
    pub(super) fn handler(&self) -> Arc<dyn Handler> {
        Arc::clone(&self.forward) as Arc<dyn Handler>
    }

    /// Adds the metrics of the forward and of the gateway.
    pub(super) fn register_counts(&self, registry: &mut Registry) {
        self.forward.counts().register(registry);
        self.gateway_counts.register(registry);
    }

    /// What the health routes report.
    pub(super) fn health(&self) -> BotHealth {
        let gateway = GatewayHealth { real_token_used: self.real_token_used.subscribe() };
        BotHealth { status: self.forward.status(), gateway: Some(gateway) }
    }

    /// What the console shows.
    pub(super) fn shown(&self) -> console::OwnBot {
        let process = |child: &Child| console::Process { status: child.status(), output: child.output() };
        console::OwnBot { forward: Arc::clone(&self.forward), process: self.child.as_ref().map(process) }
    }

    /// Where the gateway listens.
    pub(super) fn gateway_addr(&self) -> SocketAddr {
        self.gateway_addr
    }

    /// The status of the bot's process, if the service runs it.
    pub(super) fn process(&self) -> Option<watch::Receiver<process::ChildStatus>> {
        self.child.as_ref().map(Child::status)
    }

    /// Makes the routes of the gateway.
    pub(super) fn connect(&mut self, settings: &Settings, parts: GatewayParts) {
        let GatewayParts { inbox, survey, throttles, traces, token } = parts;
        let status = self.forward.status();
        let deps = gateway::Deps {
            token,
            targets: self.targets.clone(),
            inbox,
            survey,
            throttles,
            last_failure: Arc::new(move || last_failure(&status.borrow())),
            real_token_used: self.real_token_used.clone(),
            counts: Arc::clone(&self.gateway_counts),
            traces,
            clock: Arc::clone(&self.clock),
        };
        self.gateway_routes = gateway::router(&settings.gateway, &settings.telegram, deps);
    }

    /// Starts the gateway, the watch of the bot and its process.
    pub(super) fn start(self, inbox: Arc<dyn Inbox>) -> Running {
        let Self { forward, gateway, gateway_addr, gateway_routes, targets, is_shared, child, .. } = self;
        let (drained, clock, shutdown) = (self.drained, self.clock, self.shutdown);
        // The bot may need the gateway until it has ended, so the gateway stops after it.
        let stop = shutdown.with_later_soft_stop();
        let listening = listener::Deps {
            limits: gateway::limits(),
            counts: Arc::default(),
            clock: Arc::clone(&clock),
            shutdown: stop.clone(),
        };
        tracing::info!(addr = %gateway_addr, "the gateway for your bot is listening");
        let serving = stop.supervise(Task::Gateway, gateway::serve(gateway, gateway_routes, listening));
        let stored = StoredTarget { inbox, targets, is_shared, clock: Arc::clone(&clock), stop: shutdown.soft.clone() };
        shutdown.supervise(Task::BotWatch, async move {
            tokio::join!(stored.follow(), forward.watch());
        });
        let child = child.map(|child| {
            let soft = shutdown.soft.clone();
            shutdown.supervise(Task::ChildProcess, async move {
                let ended = child.run().await;
                // If the command cannot be run, it returns before the soft stop: then there is nothing to serve.
                soft.cancel();
                ended
            })
        });
        Running { child, drained, gateway: serving, gateway_stop: stop.soft }
    }
}

/// The running parts of the bot's side.
pub(super) struct Running {
    child: Option<JoinHandle<Option<Result<(), CannotStart>>>>,
    drained: CancellationToken,
    gateway: JoinHandle<Option<()>>,
    gateway_stop: CancellationToken,
}

impl Running {
    /// Ends the bot's process, and then the gateway. The child ends within the rest of its grace period.
    ///
    /// # Errors
    ///
    /// When the command could not be run.
    pub(super) async fn stop(self) -> Result<(), CannotStart> {
        self.drained.cancel();
        let ended = match self.child {
            // A task that panicked has been logged.
            Some(child) => child.await.ok().flatten().unwrap_or(Ok(())),
            None => Ok(()),
        };
        self.gateway_stop.cancel();
        let _ = self.gateway.await;
        ended
    }
}

/// Why the last update could not be forwarded, as `getWebhookInfo` tells the bot.
fn last_failure(status: &BotStatus) -> Option<gateway::Failure> {
    match status {
        BotStatus::Away { since, .. } => Some(gateway::Failure { at: *since, message: status.sentence() }),
        BotStatus::Available | BotStatus::NoTarget { .. } | BotStatus::Paused | BotStatus::Misconfigured { .. } => None,
    }
}

/// The address at which a program on this machine reaches a listener.
fn on_this_machine(addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() { (Ipv4Addr::LOCALHOST, addr.port()).into() } else { addr }
}
