use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::availability::{Availability, Moment};
use super::bot_url::BotUrl;
use super::client::Client;
use super::counts::Counts;
use super::destination::Addresses;
use super::request;
use super::status::BotStatus;
use super::target::Targets;
use crate::clock::{SharedClock, elapsed};
use crate::handler::Capacity;
use crate::lifecycle::Shutdown;
use crate::settings::ForwardSettings;
use crate::telegram::BotId;
use crate::telemetry::Storm;
use crate::trail::Trail;

/// The dependencies of a [`Forward`], in addition to its settings.
pub struct Deps {
    /// The bot, for the header `Idempotency-Key`.
    pub bot: BotId,
    /// What the bot says with `setWebhook` at the gateway.
    pub targets: Targets,
    /// Where the bot listens, if this program has chosen its port. It comes before `forward.url`.
    pub address: Option<SocketAddr>,
    /// The public URL of this service. A request to it would come back.
    pub public_url: Option<String>,
    /// The ports on which this service listens. A request to them on this machine would come back.
    pub own_ports: Vec<u16>,
    /// The most updates at the same time, for a bot that does not say how many it wants: `dispatch.concurrency`.
    pub concurrency: usize,
    /// The time limit of one request. Telegram waits 60 s; with the memory inbox, Telegram waits for the bot, so it is 25 s.
    pub time_limit: Duration,
    /// What happened to the latest updates, where a page can show it.
    pub trail: Trail,
    /// The clock.
    pub clock: SharedClock,
    /// Ends the watch.
    pub shutdown: Shutdown,
}

/// Forwards updates to your own bot.
///
/// [`Forward::watch`] must run beside it: without it, the bot stays away.
pub struct Forward {
    pub(super) bot: BotId,
    pub(super) targets: Targets,
    addresses: Addresses,
    pub(super) headers: HeaderMap,
    concurrency: usize,
    pub(super) time_limit: Duration,
    pub(super) trail: Trail,
    pub(super) clock: SharedClock,
    pub(super) shutdown: Shutdown,
    pub(super) client: Client,
    state: Mutex<State>,
    /// Notified when the availability has changed.
    pub(super) changed: Notify,
    /// Notified when an update is no longer with the bot, and when the availability has changed.
    pub(super) left: Notify,
    pub(super) capacity: watch::Sender<Capacity>,
    status: watch::Sender<BotStatus>,
    pub(super) counts: Arc<Counts>,
    storms: Storms,
}

/// Changes of the status that can follow each other quickly. They are logged in one line a minute.
struct Storms {
    away: Storm,
    misconfigured: Storm,
}

struct State {
    availability: Availability,
    /// Until when the time away has been counted.
    counted: Timestamp,
    /// The last status in the log.
    logged: Option<BotStatus>,
    /// The last capacity that was published.
    capacity: Capacity,
}

impl Forward {
    /// Creates the forward.
    #[must_use]
    pub fn new(settings: &ForwardSettings, deps: Deps) -> Arc<Self> {
        let Deps { bot, targets, address, public_url, own_ports, concurrency, time_limit, trail, clock, shutdown } =
            deps;
        let at = Moment { now: clock.now(), steady: clock.steady() };
        let availability = Availability::new(at);
        let storm = || Storm::new(Arc::clone(&clock));
        let forward = Self {
            bot,
            targets,
            addresses: Addresses {
                own: address,
                forward_url: settings.written_url().and_then(BotUrl::parse),
                public_url: public_url.as_deref().and_then(BotUrl::parse),
                own_ports,
            },
            headers: request::allowed(settings.headers()),
            concurrency,
            time_limit,
            trail,
            client: Client::new(),
            capacity: watch::Sender::default(),
            status: watch::Sender::new(availability.status().clone()),
            state: Mutex::new(State { availability, counted: at.steady, logged: None, capacity: Capacity::default() }),
            changed: Notify::new(),
            left: Notify::new(),
            counts: Arc::default(),
            storms: Storms { away: storm(), misconfigured: storm() },
            clock,
            shutdown,
        };
        forward.redirect();
        Arc::new(forward)
    }

    /// Whether the bot takes updates, now and whenever that changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<BotStatus> {
        self.status.subscribe()
    }

    /// What the bot says with `setWebhook`.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// What the forward counts.
    #[must_use]
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Reads the target again and tries it at once.
    pub(super) fn redirect(&self) {
        let target = self.targets.current();
        let destination = self.addresses.resolve(target.as_ref());
        let wanted = target.and_then(|target| target.max_connections).and_then(|most| usize::try_from(most).ok());
        let full = wanted.unwrap_or(self.concurrency);
        self.update(|availability, at| availability.redirect(destination, full, at));
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), steady: self.clock.steady() }
    }

    /// Changes the availability, publishes what follows from it and logs a new status.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Availability, Moment) -> T) -> T {
        let at = self.moment();
        let mut state = self.state.lock();
        let before = state.availability.revision();
        let result = change(&mut state.availability, at);
        let availability = &state.availability;
        let capacity = Capacity { updates: availability.capacity(), is_divisible: !availability.takes_one_at_a_time() };
        if state.capacity != capacity {
            state.capacity = capacity;
            self.capacity.send_replace(capacity);
        }
        if state.availability.revision() != before {
            self.publish(&mut state, at);
        }
        result
    }

    /// Publishes a change of the availability.
    fn publish(&self, state: &mut State, at: Moment) {
        let status = state.availability.status();
        if matches!(*self.status.borrow(), BotStatus::Away { .. } | BotStatus::Misconfigured { .. }) {
            self.counts.away.inc_by(elapsed(state.counted, at.steady).as_secs_f64());
        }
        state.counted = at.steady;
        self.status.send_if_modified(|current| {
            let is_new = current != status;
            if is_new {
                current.clone_from(status);
            }
            is_new
        });
        if !state.availability.is_untried() && state.logged.as_ref().is_none_or(|logged| !is_same(logged, status)) {
            let status = status.clone();
            let address = state.availability.destination().map(|to| to.address());
            if self.log(&status, address.as_deref()) {
                state.logged = Some(status);
            }
        }
        self.changed.notify_waiters();
        self.left.notify_waiters();
    }

    /// Logs a new status. A bot that comes and goes has one line a minute. Returns whether there was a line.
    fn log(&self, status: &BotStatus, address: Option<&str>) -> bool {
        let sentence = status.sentence();
        let times = match status {
            BotStatus::Available | BotStatus::Paused | BotStatus::NoTarget { .. } => {
                tracing::info!(address, "{sentence}");
                return true;
            }
            BotStatus::Away { .. } => self.storms.away.event(),
            BotStatus::Misconfigured { .. } => self.storms.misconfigured.event(),
        };
        if let Some(times) = times {
            tracing::warn!(address, times, "{sentence}");
        }
        times.is_some()
    }
}

/// Whether two statuses are one for the log: the sentence of a bot that is away changes with each attempt.
fn is_same(logged: &BotStatus, status: &BotStatus) -> bool {
    match status {
        BotStatus::Away { .. } => logged.name() == status.name(),
        BotStatus::Available | BotStatus::NoTarget { .. } | BotStatus::Paused | BotStatus::Misconfigured { .. } => {
            logged == status
        }
    }
}
