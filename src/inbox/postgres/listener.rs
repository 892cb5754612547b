//! Decides when to claim updates: after a change by this instance, after a notification of another one, and at
//! regular intervals.
//!
//! A notification (`NOTIFY`) may get lost, so it only makes an instance faster. Behind a transaction pooler Doorbell must
//! not listen at all: the server connection goes to another client next, which would receive notifications in the middle
//! of its answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Executor, Row};
use tokio::sync::Notify;

use super::database::Database;
use super::handover::Handover;
use crate::clock::{Backoff, elapsed, later};
use crate::lifecycle::Task;

/// The interval between two claims that find nothing.
const POLL: Backoff = Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(1) };
/// The wait before a listening connection is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(30);

/// The end of a notification of urgent updates.
const URGENT_MARK: &str = "!";

/// A setting that means nothing to the server and is set when the session starts. A pooler refuses it or drops it,
/// because its sessions serve many clients. So the setting shows whether the session is our own.
const DIRECT: &str = "doorbell.direct";
const IS_DIRECT: &str = "SELECT coalesce(current_setting('doorbell.direct', true), '')";

/// Signals that there may be an update to claim.
pub(super) struct Listener {
    database: Arc<Database>,
    /// The name of this instance in notifications, so that it ignores its own.
    name: String,
    /// Whether there may be something to claim, as far as this instance was notified.
    signalled: AtomicBool,
    /// Whether there may be an urgent update that claims of all updates leave: dispatch has no slot for it but the reserved
    /// ones.
    urgent: AtomicBool,
    changed: Notify,
    handover: Arc<Handover>,
    next: Mutex<NextPoll>,
    /// The same for claims of updates whose calls are left, which wait for no signal.
    next_of_calls: Mutex<NextPoll>,
    /// When urgent updates are searched without a signal.
    next_of_urgent: Mutex<Timestamp>,
}

struct NextPoll {
    at: Timestamp,
    /// Claims in a row that found nothing.
    idle: u32,
}

impl Listener {
    /// Listens for other instances until the soft stop, if a connection may be used for that. The first claim is due
    /// at once.
    pub(super) fn start(database: &Arc<Database>, handover: &Arc<Handover>) -> Arc<Self> {
        let listener = Arc::new(Self {
            database: Arc::clone(database),
            name: format!("{:016x}", rand::random::<u64>()),
            signalled: AtomicBool::new(true),
            urgent: AtomicBool::new(true),
            changed: Notify::new(),
            handover: Arc::clone(handover),
            next: Mutex::new(NextPoll { at: Timestamp::MIN, idle: 0 }),
            next_of_calls: Mutex::new(NextPoll { at: Timestamp::MIN, idle: 0 }),
            next_of_urgent: Mutex::new(Timestamp::MIN),
        });
        let (listening, stopping) = (Arc::clone(&listener), database.shutdown.soft.clone());
        if database.listens {
            database.shutdown.supervise(Task::DatabaseListener, async move {
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = listening.listen() => {}
                }
            });
        }
        listener
    }

    /// What other instances are notified with. Programs that know no urgent updates take each text but their own name as a
    /// notification.
    pub(super) fn notification(&self, urgent: bool) -> String {
        format!("{}{}", self.name, if urgent { URGENT_MARK } else { "" })
    }

    /// Signals that there may be something to claim, and whether it may be urgent.
    pub(super) fn signal(&self, urgent: bool) {
        self.signalled.store(true, Ordering::SeqCst);
        // Somebody who claims all updates takes urgent ones first.
        if urgent && !self.handover.is_wanted() {
            self.urgent.store(true, Ordering::SeqCst);
        }
        self.wake();
    }

    /// Wakes those that wait, so that they look again.
    pub(super) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Whether there may be something to claim in the database.
    pub(super) fn is_due(&self) -> bool {
        self.signalled.load(Ordering::SeqCst) || self.next.lock().at <= self.database.clock.steady()
    }

    /// Returns when it is time to claim, or when updates are handed over.
    pub(super) async fn due(&self) {
        self.database.availability.available().await;
        let _wanting = self.handover.want();
        let changed = self.changed.notified();
        tokio::pin!(changed);
        // Registered before the flag is read, so that a signal in between is not missed.
        changed.as_mut().enable();
        if self.signalled.load(Ordering::SeqCst) || !self.handover.is_empty() {
            return;
        }
        let wait = elapsed(self.database.clock.steady(), self.next.lock().at);
        tokio::select! {
            () = changed => {}
            () = self.database.clock.sleep(wait) => {}
        }
    }

    /// Resets the signal before a claim, and returns it. A later signal is for the next claim.
    pub(super) fn begin_claim(&self) -> bool {
        self.signalled.swap(false, Ordering::SeqCst)
    }

    /// Plans the next claim. `signalled` comes from [`Self::begin_claim`]. `found` is the number of updates that were
    /// claimed, `more` says that others may be ready, and `next_due` is the time until the next chat is due.
    pub(super) fn end_claim(&self, signalled: bool, found: usize, more: bool, next_due: Option<Duration>) {
        if more {
            self.signalled.store(true, Ordering::SeqCst);
            // There was no slot for those that are left.
            self.urgent.store(true, Ordering::SeqCst);
            self.wake();
        }
        let now = self.database.clock.steady();
        let mut next = self.next.lock();
        next.idle = if signalled || found > 0 { 1 } else { next.idle.saturating_add(1) };
        let wait = POLL.wait(next.idle, rand::random());
        next.at = later(now, next_due.map_or(wait, |due| due.min(wait)));
    }

    /// Returns when it is time to claim urgent updates. Without a signal they are searched only while nobody claims all
    /// updates.
    pub(super) async fn urgent_due(&self) {
        self.database.availability.available().await;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.urgent.load(Ordering::SeqCst) {
                return;
            }
            let now = self.database.clock.steady();
            if *self.next_of_urgent.lock() <= now {
                if !self.handover.is_wanted() {
                    return;
                }
                *self.next_of_urgent.lock() = later(now, POLL.longest);
            }
            let wait = elapsed(now, *self.next_of_urgent.lock());
            tokio::select! {
                () = changed => {}
                () = self.database.clock.sleep(wait) => {}
            }
        }
    }

    /// Resets the signal before a claim of urgent updates.
    pub(super) fn begin_claim_of_urgent(&self) {
        self.urgent.store(false, Ordering::SeqCst);
    }

    /// Plans the next claim of urgent updates. `more` says that others may be ready.
    pub(super) fn end_claim_of_urgent(&self, more: bool) {
        *self.next_of_urgent.lock() = later(self.database.clock.steady(), POLL.longest);
        if more {
            self.urgent.store(true, Ordering::SeqCst);
            self.wake();
        }
    }

    /// Returns when it is time to claim updates whose calls are left.
    pub(super) async fn calls_due(&self) {
        self.database.availability.available().await;
        let wait = elapsed(self.database.clock.steady(), self.next_of_calls.lock().at);
        self.database.clock.sleep(wait).await;
    }

    /// Plans the next claim of updates whose calls are left.
    pub(super) fn end_claim_of_calls(&self, found: usize) {
        let now = self.database.clock.steady();
        let mut next = self.next_of_calls.lock();
        next.idle = if found > 0 { 0 } else { next.idle.saturating_add(1) };
        next.at = if found > 0 { now } else { later(now, POLL.wait(next.idle, rand::random())) };
    }

    async fn listen(&self) {
        loop {
            self.database.availability.available().await;
            // A connection of its own. The listener of sqlx opens it again when it breaks.
            let options = self.database.options.clone().options([(DIRECT, "on")]);
            let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
            if let Err(error) = self.receive(&pool).await {
                tracing::debug!(%error, "cannot listen for other instances; looking for updates at intervals");
            }
            self.database.clock.sleep(LISTEN_AGAIN).await;
        }
    }

    /// Passes notifications on until the connection fails.
    async fn receive(&self, pool: &sqlx::PgPool) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        let row = listener.fetch_one(sqlx::raw_sql(IS_DIRECT)).await?;
        if row.try_get_raw(0)?.as_str().map_err(sqlx::Error::Decode)? != "on" {
            return Err(sqlx::Error::Configuration("a pooler stands before the database".into()));
        }
        // The channel has the name of the bot's schema.
        listener.listen(&self.database.availability.schema()?).await?;
        loop {
            let notification = listener.recv().await?;
            let name = notification.payload().trim_end_matches(URGENT_MARK);
            if name != self.name {
                self.signal(name.len() < notification.payload().len());
            }
        }
    }
}
