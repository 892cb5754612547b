use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::counts::Counts;
use super::lease_clock::{LeaseClock, Moment};
use super::pause::Pause;
use super::running::Running;
use crate::clock::{Backoff, SharedClock};
use crate::handler::{Capacity, Handler};
use crate::inbox::Inbox;
use crate::lifecycle::Shutdown;
use crate::settings::DispatchSettings;
use crate::telegram::RateLimitedApi;
use crate::telemetry::{Storm, Traces};
use crate::trail::Trail;

/// How long dispatch waits after the inbox failed, before it asks again.
pub(super) const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// How many outcomes of attempts without effects may be on their way into the inbox, for each slot but the first. It is
/// enough for those of one commit. With one slot, an update is over when the next one begins.
const RECORDING: usize = 4;

/// One of so many slots is reserved for urgent updates.
pub(super) const RESERVED: usize = 16;

/// The dependencies of dispatch, in addition to its settings.
pub struct Deps {
    /// Where updates are claimed and settled.
    pub inbox: Arc<dyn Inbox>,
    /// Whether it is in the memory of this process, and acknowledges an update when it has been handled.
    pub is_memory: bool,
    /// What turns an update into calls.
    pub handler: Arc<dyn Handler>,
    /// What makes the calls.
    pub api: RateLimitedApi,
    /// The traces of the updates.
    pub traces: Traces,
    /// What happened to the latest updates, where a page can show it.
    pub trail: Trail,
    /// The clock.
    pub clock: SharedClock,
    /// Stops the service.
    pub shutdown: Shutdown,
}

/// Claims ready updates, runs the handler, makes the calls and settles.
///
/// The files of this module add its methods: `claim` starts attempts within the `capacity` of the handler, `attempt` and `calls` make one, `settle` records
/// its outcome, and `maintenance` renews leases and sweeps the inbox.
pub struct Dispatch {
    pub(super) inbox: Arc<dyn Inbox>,
    pub(super) pause: Pause,
    pub(super) handler: Arc<dyn Handler>,
    /// How many updates the handler takes at the same time, if it says so.
    pub(super) capacity: Option<watch::Receiver<Capacity>>,
    pub(super) api: RateLimitedApi,
    pub(super) settings: DispatchSettings,
    /// The wait after a failed attempt.
    pub(super) backoff: Backoff,
    pub(super) clock: SharedClock,
    pub(super) shutdown: Shutdown,
    /// A slot for each update that may be in progress at once. An attempt with effects holds its slot until its outcome is
    /// recorded, so that a `kill -9` repeats no more replies than there are slots.
    pub(super) slots: Arc<Semaphore>,
    /// The slots that are reserved for urgent updates, so that these do not wait until one of many slow updates has ended.
    pub(super) urgent_slots: Arc<Semaphore>,
    /// A permit for each outcome of an attempt without effects that may be on its way into the inbox.
    pub(super) recording: Semaphore,
    pub(super) running: Arc<Running>,
    pub(super) leases: LeaseClock,
    pub(super) counts: Arc<Counts>,
    pub(super) traces: Traces,
    pub(super) trail: Trail,
    pub(super) storms: Storms,
}

/// Events that can happen to many updates at once, and are logged in one line a minute.
pub(super) struct Storms {
    pub(super) claim: Storm,
    pub(super) settle: Storm,
    pub(super) maintenance: Storm,
    pub(super) again: Storm,
    pub(super) expired: Storm,
}

impl Dispatch {
    /// Creates the dispatch. It works once [`Dispatch::run`] is called.
    #[must_use]
    pub fn new(deps: Deps, settings: DispatchSettings) -> Arc<Self> {
        let Deps { inbox, is_memory, handler, api, traces, trail, clock, shutdown } = deps;
        let storm = || Storm::new(Arc::clone(&clock));
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(settings.concurrency - settings.concurrency / RESERVED)),
            urgent_slots: Arc::new(Semaphore::new(settings.concurrency / RESERVED)),
            recording: Semaphore::new((settings.concurrency - 1) * RECORDING),
            backoff: Backoff { first: settings.backoff.first, longest: settings.backoff.longest },
            leases: LeaseClock::new(Moment::of(&*clock)),
            storms: Storms { claim: storm(), settle: storm(), maintenance: storm(), again: storm(), expired: storm() },
            running: Arc::default(),
            counts: Arc::default(),
            pause: Pause::new(Arc::clone(&inbox), is_memory, Arc::clone(&clock)),
            inbox,
            capacity: handler.capacity(),
            handler,
            api,
            settings,
            clock,
            shutdown,
            traces,
            trail,
        })
    }

    /// Pauses and resumes the handling of updates.
    #[must_use]
    pub fn pausing(&self) -> &Pause {
        &self.pause
    }

    /// Follows what other instances do about the pause, until the soft stop.
    pub async fn watch_pause(&self) {
        self.pause.watch(&self.shutdown.soft).await;
    }

    /// What to know while Telegram carries out no calls, in the words of the log. `None` while it does.
    #[must_use]
    pub fn telegram_outage(&self) -> Option<&'static str> {
        self.api.outage()
    }

    /// What to know while Telegram answers slowly, in the words of the log.
    #[must_use]
    pub fn telegram_slowness(&self) -> Option<&'static str> {
        self.api.slowness()
    }

    /// What dispatch counts.
    #[must_use]
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }
}
