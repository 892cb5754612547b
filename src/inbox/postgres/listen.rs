//! When to look for something to do: at once after something of our own, when another instance rings,
//! and every now and then in any case.
//!
//! A ring (`NOTIFY`) may be lost, and behind a pooler none is ever heard: it makes us quick, not right.
//! There we must not even listen. The connection of the server goes to somebody else next, who would be
//! told of rings in the midst of an answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Executor, Row};
use tokio::sync::Notify;

use super::link::Link;
use crate::clock::{elapsed, later};
use crate::lifecycle::Task;

/// How long after finding nothing we look again; each time twice as long, up to the longest.
const FIRST_LOOK: Duration = Duration::from_millis(200);
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// How long before a listening connection that was refused is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(30);

/// A setting of nobody's that a session begins with. A pooler refuses it or leaves it out, for its
/// sessions serve many: then this one is not ours.
const DIRECT: &str = "doorbell.direct";
const IS_DIRECT: &str = "SELECT coalesce(current_setting('doorbell.direct', true), '')";

/// Says when there may be something to claim.
pub(super) struct Bell {
    link: Arc<Link>,
    /// Ours, that we do not answer our own rings.
    name: String,
    rung: AtomicBool,
    changed: Notify,
    next: Mutex<Next>,
}

struct Next {
    look_at: Timestamp,
    pause: Duration,
}

impl Bell {
    /// A bell that is rung once, and listens for other instances until the service stops.
    pub(super) fn hang(link: &Arc<Link>) -> Arc<Self> {
        let bell = Arc::new(Self {
            link: Arc::clone(link),
            name: format!("{:016x}", rand::random::<u64>()),
            rung: AtomicBool::new(true),
            changed: Notify::new(),
            next: Mutex::new(Next { look_at: Timestamp::MIN, pause: FIRST_LOOK }),
        });
        let (listening, stopping) = (Arc::clone(&bell), link.shutdown.soft.clone());
        if link.listens {
            link.shutdown.supervise(Task::DatabaseListener, async move {
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = listening.listen() => {}
                }
            });
        }
        bell
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// There may be something to claim.
    pub(super) fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Returns when it is time to look.
    pub(super) async fn due(&self) {
        self.link.ready().await;
        let changed = self.changed.notified();
        tokio::pin!(changed);
        // Registered before the bell is looked at: a ring in between is not missed.
        changed.as_mut().enable();
        if self.rung.load(Ordering::SeqCst) {
            return;
        }
        let wait = elapsed(self.link.clock.steady(), self.next().look_at);
        tokio::select! {
            () = changed => {}
            () = self.link.clock.sleep(wait) => {}
        }
    }

    /// Rings from here on are for the next look. Whether this look was rung for.
    pub(super) fn begin_looking(&self) -> bool {
        self.rung.swap(false, Ordering::SeqCst)
    }

    /// Says what a look has found: whether there may be more, and when something is due that was not.
    pub(super) fn end_looking(&self, rung: bool, found: usize, more: bool, next_due: Option<Duration>) {
        if more {
            self.ring();
        }
        let now = self.link.clock.steady();
        let mut next = self.next();
        next.pause = if rung || found > 0 { FIRST_LOOK } else { LONGEST_LOOK.min(next.pause * 2) };
        next.look_at = later(now, next_due.map_or(next.pause, |due| due.min(next.pause)));
    }

    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn listen(&self) {
        loop {
            self.link.ready().await;
            // A connection of its own, which heals itself.
            let options = self.link.options.clone().options([(DIRECT, "on")]);
            let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
            if let Err(error) = self.answer(&pool).await {
                tracing::debug!(%error, "other instances cannot be heard; looking for work by the clock");
            }
            self.link.clock.sleep(LISTEN_AGAIN).await;
        }
    }

    async fn answer(&self, pool: &sqlx::PgPool) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        let row = listener.fetch_one(sqlx::raw_sql(IS_DIRECT)).await?;
        if row.try_get_raw(0)?.as_str().map_err(sqlx::Error::Decode)? != "on" {
            return Err(sqlx::Error::Configuration("a pooler stands before the database".into()));
        }
        // Instances of a bot ring where its schema is called so.
        listener.listen(&self.link.schema()?).await?;
        loop {
            let ringer = listener.recv().await?;
            if ringer.payload() != self.name {
                self.ring();
            }
        }
    }
}
