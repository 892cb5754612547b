//! Records verdicts in batches.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::Row;

use super::batch::{self, BatchProcessor, BatchQueue};
use super::connection::Connection;
use super::held_leases::HeldLeases;
use super::row::Unreadable;
use super::shared::Shared;
use super::sql::{column, one_row, text, unreadable};
use crate::clock::elapsed;
use crate::inbox::delivery::Lease;
use crate::inbox::error::InboxError;
use crate::inbox::millis::span_millis;
use crate::inbox::verdict::{Verdict, VerdictKind};
use crate::telemetry::Label;
use crate::update::UpdateId;

/// A verdict on one claimed update, as the database expects it.
pub(super) struct Settlement {
    id: UpdateId,
    chat_key: String,
    token: i64,
    kind: VerdictKind,
    /// The time until the next attempt. It is a span because the clock of the database may differ.
    delay: Duration,
    reason: Option<String>,
    calls: Option<String>,
}

pub(super) struct Settler {
    queue: BatchQueue<Settlement, bool>,
    connection: Connection,
    shared: Arc<Shared>,
    held: Arc<HeldLeases>,
}

impl Settler {
    pub(super) fn new(shared: &Arc<Shared>, held: &Arc<HeldLeases>) -> Arc<Self> {
        let connection = Connection::new(&shared.database);
        Arc::new(Self { queue: BatchQueue::default(), connection, shared: Arc::clone(shared), held: Arc::clone(held) })
    }

    /// Returns once the verdict is durable, or was refused because the lease was lost.
    ///
    /// If the connection breaks during the commit, it is unknown whether the verdict was recorded, and the result is an
    /// error. The caller settles again: then the verdict is recorded or the lease is lost, and both are correct.
    pub(super) async fn settle(self: &Arc<Self>, lease: Lease, verdict: &Verdict) -> Result<(), InboxError> {
        self.held.touch([lease], self.shared.database.clock.steady());
        let was_held = self.submit(lease.update_id, lease.chat_key.to_string(), lease.token, verdict).await?;
        self.held.remove(lease);
        if was_held { Ok(()) } else { Err(InboxError::LeaseLost(lease)) }
    }

    /// Gives claimed updates back that no attempt was made at.
    pub(super) async fn give_back(self: &Arc<Self>, leases: Vec<Lease>) {
        let given_back = join_all(leases.into_iter().map(|lease| self.settle(lease, &Verdict::Released))).await;
        if let Some(error) = given_back.into_iter().find_map(Result::err) {
            tracing::debug!(%error, "updates could not be given back; they can be claimed again when their leases lapse");
        }
    }

    /// Makes a claimed update that cannot be read a dead-letter update.
    pub(super) async fn reject(self: &Arc<Self>, update: Unreadable) -> Result<(), InboxError> {
        let reason = "its row in the inbox cannot be read: something else has written to the table".to_owned();
        let Unreadable { id, chat_key, token } = update;
        tracing::error!(update.id = id.0, reason, "update given up; `doorbell dead list` shows it");
        self.submit(id, chat_key, token, &Verdict::Dead { reason }).await.map(drop)
    }

    /// Returns whether the lease was still held.
    async fn submit(
        self: &Arc<Self>,
        id: UpdateId,
        chat_key: String,
        token: i64,
        verdict: &Verdict,
    ) -> Result<bool, InboxError> {
        let database = &self.shared.database;
        let now = database.clock.steady();
        let settlement = Settlement {
            id,
            chat_key,
            token,
            kind: verdict.kind(),
            delay: verdict.retry_at().map(|at| elapsed(now, at)).unwrap_or_default(),
            reason: verdict.reason().map(text),
            calls: verdict.calls_json(),
        };
        batch::submit(self, settlement, &database.shutdown).await
    }

    /// Records settlements with different tokens. Returns the tokens that were still held. Signals if the next updates of
    /// these chats can be claimed.
    async fn record(&self, settlements: &[&Settlement]) -> Result<HashSet<i64>, InboxError> {
        let settle = sqlx::query("SELECT settled, more, urgent FROM settle_4($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(column(settlements, |one| one.chat_key.clone()))
            .bind(column(settlements, |one| one.token))
            .bind(column(settlements, |one| one.id.0))
            .bind(column(settlements, |one| one.kind.name()))
            .bind(column(settlements, |one| span_millis(one.delay)))
            .bind(column(settlements, |one| one.reason.clone()))
            .bind(column(settlements, |one| one.calls.clone()))
            .bind(self.shared.settle_slot);
        let rows = self.connection.run(settle).await?;
        let row = one_row(&rows)?;
        let read = || Ok((row.try_get::<Option<Vec<i64>>, _>(0)?, row.try_get(1)?, row.try_get(2)?));
        let (held, more, urgent): (_, bool, bool) = read().map_err(unreadable)?;
        self.shared.handover.settled(settlements.len());
        if more {
            self.shared.listener.signal(urgent);
        }
        Ok(held.unwrap_or_default().into_iter().collect())
    }
}

impl BatchProcessor for Settler {
    type Job = Settlement;
    type Answer = bool;

    const DROP_ABANDONED: bool = false;

    fn queue(&self) -> &BatchQueue<Settlement, bool> {
        &self.queue
    }

    fn size(settlement: &Settlement) -> usize {
        settlement.calls.as_ref().map_or(0, String::len) + settlement.reason.as_ref().map_or(0, String::len)
    }

    async fn process(&self, settlements: &[Settlement]) -> Result<Vec<bool>, InboxError> {
        // A token is settled once: the second settlement of a token in the batch has lost the lease.
        let mut tokens = HashSet::new();
        let distinct: Vec<&Settlement> = settlements.iter().filter(|one| tokens.insert(one.token)).collect();
        let begun = self.shared.database.clock.steady();
        let result = self.record(&distinct).await;
        self.shared.record_commit(distinct.len(), begun, result.is_ok());
        let mut held = result?;
        let answer = |settlement: &Settlement| {
            let was_held = held.remove(&settlement.token);
            if was_held && settlement.kind == VerdictKind::Dead {
                self.shared.dead.fetch_add(1, Ordering::Relaxed);
            }
            was_held
        };
        Ok(settlements.iter().map(answer).collect())
    }
}
