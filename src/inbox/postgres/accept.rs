//! Accepts updates in batches. An instance stores one batch at a time, so updates are stored in the order in which they
//! arrived.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use sqlx::Row;

use super::batch::{self, BatchProcessor, BatchQueue};
use super::connection::Connection;
use super::shared::Shared;
use super::sql::{column, one_row, text, unavailable, unreadable};
use crate::clock::later;
use crate::inbox::delivery::Accepted;
use crate::inbox::error::InboxError;
use crate::inbox::millis::unix_millis;
use crate::update::{Update, UpdateId};

/// How long an update waits for its commit. Then the webhook answers 503, and Telegram delivers the update again.
const PATIENCE: Duration = Duration::from_secs(3);
/// The shortest interval between two notifications of other instances. An idle instance polls every second anyway, and
/// commits with a notification wait for one another.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(100);

pub(super) struct Acceptor {
    queue: BatchQueue<Update, Result<Accepted, InboxError>>,
    connection: Connection,
    shared: Arc<Shared>,
    capacity: usize,
    /// When other instances may be notified again.
    notify_from: Mutex<Timestamp>,
}

impl Acceptor {
    pub(super) fn new(shared: &Arc<Shared>, capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            queue: BatchQueue::default(),
            connection: Connection::new(&shared.database),
            shared: Arc::clone(shared),
            capacity,
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

    /// Stores updates with different ids. Returns the ids of those that are new, and of those that did not
    /// fit.
    async fn store(&self, updates: &[&Update]) -> Result<(HashSet<UpdateId>, HashSet<UpdateId>), InboxError> {
        let room = (self.capacity as u64).saturating_sub(self.shared.dead.load(Ordering::Relaxed));
        let accept = sqlx::query("SELECT stored, refused FROM accept_1($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(column(updates, |update| update.id.0))
            .bind(column(updates, |update| update.chat_key.to_string()))
            .bind(column(updates, |update| text(update.kind.name())))
            .bind(column(updates, |update| unix_millis(update.received_at)))
            .bind(column(updates, |update| unix_millis(update.expires_at)))
            .bind(updates.iter().map(|update| &update.body[..]).collect::<Vec<_>>())
            .bind(i64::try_from(room).unwrap_or(i64::MAX))
            .bind(self.shared.accept_slot)
            .bind(self.notifier());
        let rows = self.connection.run(accept).await?;
        let row = one_row(&rows)?;
        let ids = |column: usize| {
            let ids: Option<Vec<i64>> = row.try_get(column).map_err(unreadable)?;
            Ok(ids.unwrap_or_default().into_iter().map(UpdateId).collect())
        };
        Ok((ids(0)?, ids(1)?))
    }

    /// The name of this instance, if this commit must notify other instances.
    fn notifier(&self) -> Option<&str> {
        let now = self.shared.database.clock.steady();
        let mut from = self.notify_from.lock();
        (*from <= now).then(|| {
            *from = later(now, NOTIFY_INTERVAL);
            self.shared.listener.name()
        })
    }
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
        let result = self.store(&distinct).await;
        self.shared.record_commit(distinct.len(), begun, result.is_ok());
        let (mut stored, refused) = result?;
        if !stored.is_empty() {
            self.shared.listener.signal();
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
