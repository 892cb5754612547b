//! Accepts updates in batches. An instance stores one batch at a time, so updates are stored in the order in which they
//! arrived.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::batch::{self, BatchProcessor, BatchQueue};
use super::connection::Connection;
use super::held_leases::HeldLeases;
use super::settle::Settler;
use super::shared::Shared;
use super::sql::{column, one_row, text, unavailable, unreadable};
use crate::clock::later;
use crate::inbox::delivery::{Accepted, Delivery, LEASE, Lease, URGENT};
use crate::inbox::error::InboxError;
use crate::inbox::millis::{span_millis, unix_millis};
use crate::update::{Update, UpdateId};

/// How long an update waits for its commit. Then the webhook answers 503, and Telegram delivers the update again.
const PATIENCE: Duration = Duration::from_secs(3);
/// The shortest interval between two notifications of other instances. An idle instance polls every second anyway, and
/// commits with a notification wait for one another.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(100);

const ACCEPT: &str = "
    SELECT stored, refused, claimed, tokens, fronts FROM accept_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

pub(super) struct Acceptor {
    queue: BatchQueue<Update, Result<Accepted, InboxError>>,
    connection: Connection,
    shared: Arc<Shared>,
    capacity: usize,
    held: Arc<HeldLeases>,
    settler: Arc<Settler>,
    /// When other instances may be notified again.
    notify_from: Mutex<Timestamp>,
}

impl Acceptor {
    pub(super) fn new(
        shared: &Arc<Shared>,
        held: &Arc<HeldLeases>,
        settler: &Arc<Settler>,
        capacity: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            queue: BatchQueue::default(),
            connection: Connection::new(&shared.database),
            shared: Arc::clone(shared),
            capacity,
            held: Arc::clone(held),
            settler: Arc::clone(settler),
            notify_from: Mutex::new(Timestamp::MIN),
        })
    }

    /// Returns once the update is stored durably, is known already, or could not be stored.
    pub(super) async fn accept(self: &Arc<Self>, update: Update) -> Result<Accepted, InboxError> {
        let database = &self.shared.database;
        tokio::select! {
            accepted = batch::submit(self, update, &database.shutdown) => accepted?,
            () = database.clock.sleep(PATIENCE) => Err(unavailable("the database is too slow")),
        }
    }

    /// Stores updates with different ids, and claims up to `claims` of them.
    async fn store(&self, updates: &[&Update], claims: usize) -> Result<Outcome, InboxError> {
        let room = (self.capacity as u64).saturating_sub(self.shared.dead.load(Ordering::Relaxed));
        let accept = sqlx::query(ACCEPT)
            .bind(column(updates, |update| update.id.0))
            .bind(column(updates, |update| update.chat_key.to_string()))
            .bind(column(updates, |update| text(update.kind.name())))
            .bind(column(updates, |update| unix_millis(update.received_at)))
            .bind(column(updates, |update| unix_millis(update.expires_at)))
            .bind(updates.iter().map(|update| &update.body[..]).collect::<Vec<_>>())
            .bind(i64::try_from(room).unwrap_or(i64::MAX))
            .bind(self.shared.accept_slot)
            .bind(self.notifier(updates))
            .bind(i64::try_from(claims).unwrap_or(i64::MAX))
            .bind(span_millis(LEASE));
        let rows = self.connection.run(accept).await?;
        Outcome::read(one_row(&rows)?).map_err(unreadable)
    }

    /// Hands over the updates that were claimed.
    async fn hand_over(&self, updates: &[&Update], tokens: &HashMap<UpdateId, i64>) {
        let claimed = updates.iter().filter_map(|update| {
            let lease = Lease { update_id: update.id, chat_key: update.chat_key, token: *tokens.get(&update.id)? };
            let update = (*update).clone();
            Some(Delivery { update, attempt: 1, revived: false, lease, calls_left: None, crash_count: 0 })
        });
        let (now, claimed) = (self.shared.database.clock.steady(), claimed.collect::<Vec<_>>());
        self.held.touch(claimed.iter().map(|delivery| delivery.lease), now);
        self.shared.handover.add(claimed, now);
        self.shared.listener.wake();
        if self.shared.database.shutdown.soft.is_cancelled() {
            // Dispatch takes none any more.
            self.settler.give_back(self.shared.handover.take_older(Duration::ZERO, now)).await;
        }
    }

    /// What other instances are notified with, if this commit must notify them.
    fn notifier(&self, updates: &[&Update]) -> Option<String> {
        let now = self.shared.database.clock.steady();
        let mut from = self.notify_from.lock();
        (*from <= now).then(|| {
            *from = later(now, NOTIFY_INTERVAL);
            self.shared.listener.notification(updates.iter().any(|update| is_urgent(update)))
        })
    }
}

/// What became of a batch.
struct Outcome {
    /// The updates that are new.
    stored: HashSet<UpdateId>,
    /// Those that did not fit.
    refused: HashSet<UpdateId>,
    /// The fencing tokens of those that were claimed.
    tokens: HashMap<UpdateId, i64>,
    /// How many others can be claimed now.
    fronts: i64,
}

impl Outcome {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let numbers = |column: usize| row.try_get::<Option<Vec<i64>>, _>(column).map(Option::unwrap_or_default);
        let ids = |column: usize| Ok::<_, sqlx::Error>(numbers(column)?.into_iter().map(UpdateId));
        Ok(Self {
            stored: ids(0)?.collect(),
            refused: ids(1)?.collect(),
            tokens: ids(2)?.zip(numbers(3)?).collect(),
            fronts: row.try_get::<Option<i64>, _>(4)?.unwrap_or(0),
        })
    }
}

fn is_urgent(update: &Update) -> bool {
    update.answer_within().is_some_and(|within| within <= URGENT)
}

impl BatchProcessor for Acceptor {
    type Job = Update;
    type Answer = Result<Accepted, InboxError>;

    /// An update whose caller stopped waiting was not acknowledged, and Telegram delivers it again.
    const DROP_ABANDONED: bool = true;

    fn queue(&self) -> &BatchQueue<Update, Self::Answer> {
        &self.queue
    }

    fn size(update: &Update) -> usize {
        update.body.len()
    }

    async fn process(&self, updates: &[Update]) -> Result<Vec<Self::Answer>, InboxError> {
        let mut ids = HashSet::new();
        let distinct: Vec<&Update> = updates.iter().filter(|update| ids.insert(update.id)).collect();
        let begun = self.shared.database.clock.steady();
        let is_stopping = self.shared.database.shutdown.soft.is_cancelled();
        let claims = if is_stopping { 0 } else { self.shared.handover.room() };
        let result = self.store(&distinct, claims).await;
        self.shared.record_commit(distinct.len(), begun, result.is_ok());
        let Outcome { mut stored, refused, tokens, fronts } = result?;
        if !tokens.is_empty() {
            self.hand_over(&distinct, &tokens).await;
        }
        if fronts > 0 {
            self.shared.listener.signal(distinct.iter().any(|update| is_urgent(update)));
        }
        let answer = |update: &Update| {
            if stored.remove(&update.id) {
                Ok(Accepted::Stored)
            } else if refused.contains(&update.id) {
                Err(InboxError::Full { capacity: self.capacity })
            } else {
                Ok(Accepted::Known)
            }
        };
        Ok(updates.iter().map(answer).collect())
    }
}
