//! Keeps updates in a PostgreSQL database that many instances share.
//!
//! One update of a chat at a time, over all instances, is the work of a small table of the chats that
//! have something to do: a claim locks a chat's row for an instant and leaves a lease in it, on the
//! database's clock, with a fencing token that settling has to show. What an instance needs to be right
//! is in those rows alone: no session, no notification, no memory of its own.
//!
//! An instance has at most `inbox.max_connections` connections. It has use for five: accepting, settling,
//! claiming and everything else run side by side, and one hears of the other instances. With fewer they take
//! turns.

mod accept;
mod batch;
mod claim;
mod dead;
mod held;
mod line;
mod link;
mod listen;
mod options;
mod pool;
mod schema;
mod settle;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::Row;

use super::sweeping::{Step as SweepStep, Sweeping};
use super::{Accepted, Counts, Delivery, Inbox, InboxError, Lease, Record, Selection, Survey, Verdict};
use crate::clock::SharedClock;
use crate::lifecycle::{Shutdown, Task};
use crate::settings::InboxSettings;
use crate::update::{Update, UpdateId};
use accept::Accepting;
use claim::{Claimed, Claiming};
use held::Held;
use line::Line;
use link::Link;
use listen::Bell;
pub(super) use schema::User;
use settle::Settling;

/// Instances count in slots of their own as far as there are enough: pairs of rows of `tally`.
const SLOT_PAIRS: i32 = 32;
/// Rows that one statement changes at most where much is to be done.
const STEP: usize = 1_000;
/// Steps of one sweep.
const SWEEP_STEPS: usize = 40;

/// An inbox in a database.
pub(super) struct PostgresInbox {
    link: Arc<Link>,
    accepting: Arc<Accepting>,
    settling: Arc<Settling>,
    claiming: Arc<Claiming>,
    bell: Arc<Bell>,
    /// For all that is not on the way of an update.
    aside: Line,
    settle_slot: i32,
    keep_done: Duration,
    capacity: u64,
    held: Arc<Held>,
    /// How many updates are dead, as far as is known here.
    dead: Arc<AtomicU64>,
    sweeping: Sweeping,
}

impl PostgresInbox {
    /// Returns at once; the database is looked for in the background, for as long as it takes.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unusable`] when the URL cannot be understood.
    pub(super) fn open(
        url: &SecretString,
        settings: &InboxSettings,
        user: User,
        clock: SharedClock,
        shutdown: Shutdown,
        counts: Arc<Counts>,
    ) -> Result<Self, InboxError> {
        let link = Link::open(url, settings.max_connections, user, clock, shutdown)?;
        let bell = Bell::hang(&link);
        let slot = rand::random_range(0..SLOT_PAIRS) * 2;
        let (held, dead) = (Arc::<Held>::default(), Arc::default());
        let claiming = Arc::new(Claiming::new(&link, &held));
        if let User::Service(_) = user {
            let holding = hold_on(Arc::clone(&link), Arc::clone(&claiming), Arc::clone(&held));
            link.shutdown.supervise(Task::LeaseRecovery, holding);
        }
        Ok(Self {
            accepting: Accepting::new(&link, &bell, settings.capacity, &dead, slot, Arc::clone(&counts)),
            settling: Settling::new(&link, &bell, slot + 1, &dead, counts),
            claiming,
            bell,
            aside: Line::new(&link),
            settle_slot: slot + 1,
            keep_done: settings.keep_done,
            capacity: settings.capacity as u64,
            held,
            dead,
            sweeping: Sweeping::new(),
            link,
        })
    }
}

#[async_trait]
impl Inbox for PostgresInbox {
    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        self.link.ready_soon().await?;
        self.accepting.accept(update).await
    }

    async fn due(&self) {
        self.bell.due().await;
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Delivery>, InboxError> {
        let heard = self.bell.begin_looking();
        let Claimed { deliveries, faulty, next_due } = self.claiming.claim(limit).await?;
        let found = deliveries.len() + faulty.len();
        self.bell.end_looking(heard, found, found == limit && limit > 0, next_due);
        for faulty in faulty {
            // One row that cannot be read harms no other. What is not recorded now is when its lease has lapsed.
            if let Err(error) = self.settling.set_aside(faulty).await {
                tracing::warn!(%error, "an update that cannot be read could not be set aside; trying again");
            }
        }
        Ok(deliveries)
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        self.held.at_work([lease], self.link.clock.steady());
        let settled = self.settling.settle(lease, verdict).await;
        if matches!(settled, Ok(()) | Err(InboxError::LeaseLost(_))) {
            self.held.over(lease);
        }
        settled
    }

    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        self.held.all_at_work(leases, self.link.clock.steady());
        self.claiming.extend(leases).await
    }

    async fn survey(&self) -> Result<Survey, InboxError> {
        // Health asks, and does not wait.
        self.link.ready_now()?;
        let rows = self.aside.run(sqlx::query("SELECT open, held, dead, oldest FROM survey_1()")).await?;
        let read = || {
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            let (open, held): (Option<i64>, i64) = (row.try_get(0)?, row.try_get(1)?);
            let (dead, oldest): (i64, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
            let count = |number: i64| u64::try_from(number).unwrap_or(0);
            self.dead.store(count(dead), Ordering::Relaxed);
            Ok(Survey {
                full: count(open.unwrap_or(0)) + count(dead) >= self.capacity,
                waiting: count(open.unwrap_or(0) - held),
                held: count(held),
                dead: count(dead),
                oldest: oldest.map(time),
            })
        };
        read().map_err(unreadable)
    }

    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError> {
        self.link.ready_soon().await?;
        dead::list(&self.aside, which, limit).await
    }

    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        self.link.ready_soon().await?;
        let revived = dead::revive(&self.aside, which, self.link.clock.steady(), self.settle_slot).await;
        self.bell.ring();
        self.count_dead().await?;
        revived
    }

    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        self.link.ready_soon().await?;
        let discarded = dead::discard(&self.aside, which).await;
        self.count_dead().await?;
        discarded
    }

    /// Leases lapse by themselves; a sweep only forgets updates that ended long ago.
    async fn sweep(&self) -> Result<(), InboxError> {
        self.count_dead().await?;
        self.aside.run(sqlx::query("SELECT set_back_1()")).await?;
        self.sweeping.sweep(SWEEP_STEPS, |from| self.forget(from)).await
    }
}

impl PostgresInbox {
    async fn forget(&self, from: i64) -> Result<SweepStep, InboxError> {
        let forget = sqlx::query("SELECT last, forgotten, young FROM forget_1($1, $2, $3)");
        let rows = self
            .aside
            .run(forget.bind(from).bind(i64::try_from(STEP).unwrap_or(i64::MAX)).bind(millis(self.keep_done)))
            .await?;
        let row = rows.first().ok_or_else(|| unreadable(sqlx::Error::RowNotFound))?;
        let read = || {
            let (forgotten, young): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            Ok(SweepStep { last: row.try_get(0)?, forgotten: forgotten.cast_unsigned(), young: young.cast_unsigned() })
        };
        read().map_err(unreadable)
    }

    /// Counts the dead updates: other instances and operators' commands move them too.
    async fn count_dead(&self) -> Result<(), InboxError> {
        let rows = self.aside.run(sqlx::query("SELECT count(*) FROM dead")).await?;
        let row = rows.first().ok_or_else(|| unreadable(sqlx::Error::RowNotFound))?;
        self.dead.store(row.try_get::<i64, _>(0).map_err(unreadable)?.cast_unsigned(), Ordering::Relaxed);
        Ok(())
    }
}

/// Prolongs what is held as soon as the database is back from an outage, in which it may have lapsed: other
/// instances leave it alone for a moment.
async fn hold_on(link: Arc<Link>, claiming: Arc<Claiming>, held: Arc<Held>) {
    let mut standing = link.standing();
    loop {
        tokio::select! {
            () = link.shutdown.soft.cancelled() => return,
            () = link.back(&mut standing) => {}
        }
        if let Err(error) = claiming.extend(&held.leases()).await {
            tracing::debug!(error = %crate::telemetry::chain(&error), "leases could not be prolonged; trying again");
        }
    }
}

/// Milliseconds, as the functions in the database take spans; at most some years.
fn millis(span: Duration) -> i64 {
    const SOME_YEARS: i64 = 10 * 366 * 86_400_000;
    i64::try_from(span.as_millis()).unwrap_or(SOME_YEARS).min(SOME_YEARS)
}

/// A moment as the tables have those of the program's clock.
fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// Text as PostgreSQL can have it: it knows no NUL.
fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// The database said something that we do not understand.
fn unreadable(error: sqlx::Error) -> InboxError {
    InboxError::Unavailable(Arc::new(error))
}
