//! The inbox in a PostgreSQL database.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use sqlx::Row;

use super::accept::Acceptor;
use super::claim::{Claimed, Claimer};
use super::connection::Connection;
use super::database::Database;
use super::dead_letters;
use super::dropping;
use super::handover::GIVE_BACK_AFTER;
use super::held_leases::HeldLeases;
use super::named_values;
use super::schema::Access;
use super::settle::Settler;
use super::shared::Shared;
use super::sql::{one_row, one_value, unreadable};
use crate::inbox::contract::Inbox;
use crate::inbox::delivery::{Accepted, Claimable, Delivery, Lease};
use crate::inbox::deps::Deps;
use crate::inbox::error::InboxError;
use crate::inbox::millis::{from_unix_millis, span_millis};
use crate::inbox::record::{Record, Selection};
use crate::inbox::stored::Stored;
use crate::inbox::survey::Survey;
use crate::inbox::sweeping::{Step as SweepStep, Sweeping};
use crate::inbox::verdict::Verdict;
use crate::lifecycle::Task;
use crate::settings::InboxSettings;
use crate::telemetry::chain;
use crate::update::{Update, UpdateId};

/// The ids that one step of a sweep looks at.
const SWEEP_STEP: i64 = 1_000;
/// The steps of one sweep.
const SWEEP_STEPS: usize = 40;

/// An inbox in a PostgreSQL database.
pub(in crate::inbox) struct PostgresInbox {
    pub(super) database: Arc<Database>,
    shared: Arc<Shared>,
    acceptor: Arc<Acceptor>,
    settler: Arc<Settler>,
    claimer: Arc<Claimer>,
    held: Arc<HeldLeases>,
    /// For everything that no update waits for.
    pub(super) background: Connection,
    keep_done: Duration,
    capacity: u64,
    sweeping: Sweeping,
}

impl PostgresInbox {
    /// Returns at once. A task connects in the background, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unusable`] if the URL is not valid.
    pub(in crate::inbox) fn open(
        url: &SecretString,
        settings: &InboxSettings,
        access: Access,
        Deps { clock, shutdown, counts }: Deps,
    ) -> Result<Self, InboxError> {
        let database = Database::open(url, settings.max_connections, access, clock, shutdown)?;
        let shared = Shared::new(Arc::clone(&database), counts);
        let held = Arc::<HeldLeases>::default();
        let claimer = Arc::new(Claimer::new(&database, &held));
        let settler = Settler::new(&shared, &held);
        if let Access::Service(_) = access {
            let extending = extend_after_outages(Arc::clone(&database), Arc::clone(&claimer), Arc::clone(&held));
            let giving_back = give_back(Arc::clone(&shared), Arc::clone(&settler));
            let leases = async {
                tokio::join!(extending, giving_back);
            };
            database.shutdown.supervise(Task::LeaseRecovery, leases);
        }
        Ok(Self {
            acceptor: Acceptor::new(&shared, &held, &settler, settings.capacity),
            settler,
            claimer,
            held,
            background: Connection::new(&database),
            keep_done: settings.keep_done,
            capacity: settings.capacity as u64,
            sweeping: Sweeping::new(),
            shared,
            database,
        })
    }

    /// Forgets old updates among [`SWEEP_STEP`] ids, from this one on.
    async fn forget(&self, from: i64) -> Result<SweepStep, InboxError> {
        let forget = sqlx::query("SELECT last, forgotten, young FROM forget_1($1, $2, $3)");
        let rows = self.background.run(forget.bind(from).bind(SWEEP_STEP).bind(span_millis(self.keep_done))).await?;
        let row = one_row(&rows)?;
        let read = || {
            let (forgotten, young): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            Ok(SweepStep { last: row.try_get(0)?, forgotten: forgotten.cast_unsigned(), young: young.cast_unsigned() })
        };
        read().map_err(unreadable)
    }

    /// Claims up to `limit` updates: first those that were claimed as they were stored.
    async fn claim_any(&self, limit: usize) -> Result<Vec<Delivery>, InboxError> {
        let (listener, handover) = (&self.shared.listener, &self.shared.handover);
        let _wanting = handover.want();
        let mut deliveries = handover.begin_claim(limit);
        let taken = deliveries.len();
        let rest = limit - taken;
        if rest == 0 || (taken > 0 && !listener.is_due()) {
            deliveries.append(&mut handover.end_claim(limit, taken, None));
            return Ok(deliveries);
        }
        let signalled = listener.begin_claim();
        let claimed = match self.claimer.claim(rest, Claimable::Any).await {
            Ok(claimed) => claimed,
            Err(error) => {
                deliveries.append(&mut handover.end_claim(limit, taken, None));
                return if deliveries.is_empty() { Err(error) } else { Ok(deliveries) };
            }
        };
        let found = claimed.found();
        listener.end_claim(signalled, found, found == rest, claimed.next_due);
        deliveries.append(&mut handover.end_claim(limit, taken, Some(found)));
        deliveries.append(&mut self.deliver(claimed).await);
        Ok(deliveries)
    }

    /// The deliveries of a claim. Updates that cannot be read are given up.
    async fn deliver(&self, claimed: Claimed) -> Vec<Delivery> {
        for update in claimed.unreadable {
            // If the verdict cannot be recorded now, the update is claimed again when its lease has lapsed.
            if let Err(error) = self.settler.reject(update).await {
                tracing::warn!(%error, "an update that cannot be read could not be given up; trying again");
            }
        }
        claimed.deliveries
    }

    /// Counts the dead-letter updates. Other instances and operators' commands change their number too.
    async fn count_dead(&self) -> Result<(), InboxError> {
        let rows = self.background.run(sqlx::query("SELECT count(*) FROM dead")).await?;
        let dead: i64 = one_value(&rows)?;
        self.shared.dead.store(dead.cast_unsigned(), Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Inbox for PostgresInbox {
    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        self.database.wait_available().await?;
        self.acceptor.accept(update).await
    }

    async fn ready(&self, which: Claimable) {
        match which {
            Claimable::Any => self.shared.listener.due().await,
            Claimable::CallsLeft => self.shared.listener.calls_due().await,
            Claimable::Urgent => self.shared.listener.urgent_due().await,
        }
    }

    async fn claim(&self, limit: usize, which: Claimable) -> Result<Vec<Delivery>, InboxError> {
        let listener = &self.shared.listener;
        match which {
            Claimable::Any => self.claim_any(limit).await,
            Claimable::Urgent => {
                listener.begin_claim_of_urgent();
                let claimed = self.claimer.claim(limit, which).await?;
                listener.end_claim_of_urgent(claimed.found() == limit && limit > 0);
                Ok(self.deliver(claimed).await)
            }
            Claimable::CallsLeft => {
                let claimed = self.claimer.claim(limit, which).await?;
                listener.end_claim_of_calls(claimed.found());
                Ok(self.deliver(claimed).await)
            }
        }
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        self.settler.settle(lease, &verdict).await
    }

    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        self.held.touch_and_expire(leases, self.database.clock.steady());
        self.claimer.extend(leases).await
    }

    async fn survey(&self) -> Result<Survey, InboxError> {
        // The health check must not wait.
        self.database.check_available()?;
        let rows = self.background.run(sqlx::query("SELECT open, held, dead, oldest FROM survey_1()")).await?;
        let row = one_row(&rows)?;
        let read = || {
            let (open, held): (Option<i64>, i64) = (row.try_get(0)?, row.try_get(1)?);
            let (dead, oldest): (i64, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
            let count = |number: i64| u64::try_from(number).unwrap_or(0);
            self.shared.dead.store(count(dead), Ordering::Relaxed);
            Ok(Survey {
                full: count(open.unwrap_or(0)) + count(dead) >= self.capacity,
                waiting: count(open.unwrap_or(0) - held),
                held: count(held),
                dead: count(dead),
                oldest: oldest.map(from_unix_millis),
            })
        };
        read().map_err(unreadable)
    }

    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError> {
        self.database.wait_available().await?;
        dead_letters::list(&self.background, which, limit).await
    }

    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        self.database.wait_available().await?;
        let now = self.database.clock.steady();
        let revived = dead_letters::revive(&self.background, which, now, self.shared.settle_slot).await;
        self.shared.listener.signal(true);
        self.count_dead().await?;
        revived
    }

    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        self.database.wait_available().await?;
        let discarded = dead_letters::discard(&self.background, which).await;
        self.count_dead().await?;
        discarded
    }

    async fn drop_waiting(&self) -> Result<u64, InboxError> {
        self.database.wait_available().await?;
        let dropped = dropping::drop_waiting(&self.background, self.shared.settle_slot).await?;
        self.shared.counts.dropped.inc_by(dropped);
        Ok(dropped)
    }

    async fn save(&self, which: Stored, value: &str) -> Result<(), InboxError> {
        self.database.wait_available().await?;
        named_values::save(&self.background, which, value).await
    }

    async fn load(&self, which: Stored) -> Result<Option<String>, InboxError> {
        self.database.wait_available().await?;
        named_values::load(&self.background, which).await
    }

    /// Leases lapse without help. A sweep forgets updates that ended long ago, and corrects times that are too late
    /// because the clock of the database was set back.
    async fn sweep(&self) -> Result<(), InboxError> {
        self.count_dead().await?;
        self.background.run(sqlx::query("SELECT set_back_1()")).await?;
        self.sweeping.sweep(SWEEP_STEPS, |from| self.forget(from)).await
    }
}

/// Extends the leases of this instance as soon as the database is back from an outage, during which they may have
/// lapsed. Until then no instance claims lapsed leases.
async fn extend_after_outages(database: Arc<Database>, claimer: Arc<Claimer>, held: Arc<HeldLeases>) {
    let mut changes = database.availability.changes();
    loop {
        tokio::select! {
            () = database.shutdown.soft.cancelled() => return,
            () = changes.available_again() => {}
        }
        if let Err(error) = claimer.extend(&held.all()).await {
            tracing::debug!(error = %chain(&error), "the leases could not be extended; trying again");
        }
    }
}

/// Gives updates back that were claimed as they were stored, if dispatch does not take them.
async fn give_back(shared: Arc<Shared>, settler: Arc<Settler>) {
    let Database { clock, shutdown, .. } = &*shared.database;
    loop {
        tokio::select! {
            () = shutdown.soft.cancelled() => {}
            () = async { shared.handover.added().await; clock.sleep(GIVE_BACK_AFTER).await } => {}
        }
        let is_stopping = shutdown.soft.is_cancelled();
        let age = if is_stopping { Duration::ZERO } else { GIVE_BACK_AFTER };
        settler.give_back(shared.handover.take_older(age, clock.steady())).await;
        if is_stopping {
            return;
        }
    }
}
