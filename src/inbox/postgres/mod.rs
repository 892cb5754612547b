//! Keeps updates in a PostgreSQL database that many instances share.
//!
//! One update of a chat at a time, over all instances, is the work of a small table of the chats that
//! have something to do: a claim locks a chat's row for an instant and leaves a lease in it, on the
//! database's clock, with a fencing token that settling has to show. What an instance needs to be right
//! is in those rows alone: no session, no notification, no memory of its own.
//!
//! An instance has at most six connections: one each for accepting, settling, claiming, everything
//! else, hearing of the others, and looking whether the database is there.

mod accept;
mod batch;
mod claim;
mod dead;
mod link;
mod listen;
mod schema;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::Row;

use super::{Accepted, Counts, Delivery, Inbox, InboxError, LEASE, Lease, Record, Selection, Survey, Verdict};
use crate::clock::SharedClock;
use crate::lifecycle::Shutdown;
use crate::settings::InboxSettings;
use crate::telegram::BotId;
use crate::update::{Update, UpdateId};
use accept::Accepting;
use claim::Claiming;
use link::{Line, Link};
use listen::Bell;
use settle::Settling;

/// Instances count in slots of their own as far as there are enough: pairs of rows of `tally`.
const SLOT_PAIRS: i32 = 32;
/// Rows that one statement changes at most where much is to be done.
const STEP: i64 = 1_000;
/// Steps of one sweep.
const SWEEP_STEPS: usize = 40;

/// An inbox in a database.
pub(super) struct PostgresInbox {
    link: Arc<Link>,
    accepting: Arc<Accepting>,
    settling: Arc<Settling>,
    claiming: Claiming,
    bell: Arc<Bell>,
    /// For all that is not on the way of an update.
    aside: Line,
    settle_slot: i32,
    keep_done: Duration,
    /// Where the next sweep goes on looking for what lower ids hide.
    sweep_from: std::sync::atomic::AtomicI64,
}

impl PostgresInbox {
    /// Returns at once; the database is looked for in the background, for as long as it takes. Without a
    /// bot, the inbox must be the only one there.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unusable`] when the URL cannot be understood.
    pub(super) fn open(
        url: &SecretString,
        settings: &InboxSettings,
        bot: Option<BotId>,
        clock: SharedClock,
        shutdown: Shutdown,
        counts: Arc<Counts>,
    ) -> Result<Self, InboxError> {
        let link = Link::open(url, bot, clock, shutdown)?;
        let bell = Bell::hang(&link);
        let slot = rand::random_range(0..SLOT_PAIRS) * 2;
        Ok(Self {
            accepting: Accepting::new(&link, &bell, settings.capacity, slot, Arc::clone(&counts)),
            settling: Settling::new(&link, &bell, slot + 1, counts),
            claiming: Claiming::new(&link),
            bell,
            aside: Line::new(&link),
            settle_slot: slot + 1,
            keep_done: settings.keep_done,
            sweep_from: i64::MIN.into(),
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
        let (deliveries, next_due) = self.claiming.claim(limit).await?;
        self.bell.end_looking(heard, deliveries.len(), deliveries.len() == limit && limit > 0, next_due);
        Ok(deliveries)
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        self.settling.settle(lease, verdict).await
    }

    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        if leases.is_empty() {
            return Ok(());
        }
        let (keys, tokens): (Vec<_>, Vec<_>) =
            leases.iter().map(|lease| (lease.chat_key.to_string(), lease.token)).unzip();
        let extend = sqlx::query("SELECT extend_1($1, $2, $3)");
        self.aside.run(extend.bind(keys).bind(tokens).bind(millis(LEASE))).await.map(drop)
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
            Ok(Survey {
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
        let revived = dead::revive(&self.aside, which, self.settle_slot).await;
        self.bell.ring();
        revived
    }

    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        self.link.ready_soon().await?;
        dead::discard(&self.aside, which).await
    }

    /// Leases lapse by themselves; only what ended is to be forgotten. Ids grow with time, so what is
    /// old lies in front. When Telegram begins anew with lower ones, what had higher ones is found by a
    /// step of each sweep that goes round through all.
    async fn sweep(&self) -> Result<(), InboxError> {
        use std::sync::atomic::Ordering::Relaxed;
        let mut from = i64::MIN;
        for _ in 1..SWEEP_STEPS {
            let step = self.forget(from).await?;
            match step.last.and_then(|last| last.checked_add(1)) {
                Some(next) if step.forgotten > 0 || step.young == 0 => from = next,
                _ => break,
            }
        }
        let step = self.forget(self.sweep_from.load(Relaxed)).await?;
        let next = step.last.and_then(|last| last.checked_add(1)).unwrap_or(i64::MIN);
        self.sweep_from.store(next, Relaxed);
        Ok(())
    }
}

/// What a step of a sweep found.
struct Step {
    last: Option<i64>,
    forgotten: i64,
    young: i64,
}

impl PostgresInbox {
    async fn forget(&self, from: i64) -> Result<Step, InboxError> {
        let forget = sqlx::query("SELECT last, forgotten, young FROM forget_1($1, $2, $3)");
        let rows = self.aside.run(forget.bind(from).bind(STEP).bind(millis(self.keep_done))).await?;
        let row = rows.first().ok_or_else(|| unreadable(sqlx::Error::RowNotFound))?;
        let read = || Ok(Step { last: row.try_get(0)?, forgotten: row.try_get(1)?, young: row.try_get(2)? });
        read().map_err(unreadable)
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
