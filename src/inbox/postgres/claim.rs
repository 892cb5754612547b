//! Claims updates, and extends their leases.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::Row;

use super::connection::Connection;
use super::database::Database;
use super::held_leases::HeldLeases;
use super::hurry::Hurry;
use super::row::{self, Unreadable};
use super::sql::{one_value, unreadable};
use crate::inbox::delivery::{Claimable, Delivery, LEASE, Lease};
use crate::inbox::error::InboxError;
use crate::inbox::millis::span_millis;

pub(super) struct Claimer {
    connection: Connection,
    database: Arc<Database>,
    held: Arc<HeldLeases>,
    /// The last crash suspect that was claimed here. Only the database knows whether its lease is still valid.
    suspect: Mutex<Option<Lease>>,
    hurry: Mutex<Hurry>,
}

/// The result of a claim.
pub(super) struct Claimed {
    pub(super) deliveries: Vec<Delivery>,
    /// Updates that are claimed too, and whose rows cannot be read.
    pub(super) unreadable: Vec<Unreadable>,
    /// The time until the next chat is due, if nothing was claimed and a chat waits.
    pub(super) next_due: Option<Duration>,
}

impl Claimed {
    /// The number of claimed updates.
    pub(super) fn found(&self) -> usize {
        self.deliveries.len() + self.unreadable.len()
    }
}

impl Claimer {
    pub(super) fn new(database: &Arc<Database>, held: &Arc<HeldLeases>) -> Self {
        let (connection, database) = (Connection::new(database), Arc::clone(database));
        Self { connection, database, held: Arc::clone(held), suspect: Mutex::new(None), hurry: Mutex::default() }
    }

    /// Extends leases. It shares the connection of the claims, on which no statement takes long.
    pub(super) async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        if leases.is_empty() {
            return Ok(());
        }
        let (keys, tokens): (Vec<_>, Vec<_>) =
            leases.iter().map(|lease| (lease.chat_key.to_string(), lease.token)).unzip();
        let extend = sqlx::query("SELECT extend_3($1, $2, $3)");
        self.connection.run(extend.bind(keys).bind(tokens).bind(span_millis(LEASE))).await.map(drop)
    }

    /// Claims up to `limit` of these updates.
    pub(super) async fn claim(&self, limit: usize, which: Claimable) -> Result<Claimed, InboxError> {
        let suspect = *self.suspect.lock();
        let now = self.database.clock.steady();
        let held: Vec<i64> = self.held.all().iter().map(|lease| lease.token).collect();
        let (limit, lease) = (i64::try_from(limit).unwrap_or(i64::MAX), span_millis(LEASE));
        let may_claim_lapsed = self.database.may_claim_lapsed();
        let oldest = self.hurry.lock().oldest_of(limit);
        let claim = match which {
            Claimable::Urgent => sqlx::query("SELECT * FROM claim_urgent_1($1, $2)").bind(limit).bind(lease),
            Claimable::Any => sqlx::query("SELECT * FROM claim_5($1, $2, $3, $4, $5, $6, $7)")
                .bind(limit)
                .bind(lease)
                .bind(suspect.map(|lease| lease.chat_key.to_string()))
                .bind(suspect.map(|lease| lease.token))
                .bind(held)
                .bind(may_claim_lapsed)
                .bind(oldest),
            Claimable::CallsLeft => sqlx::query("SELECT * FROM claim_calls_2($1, $2, $3, $4)")
                .bind(limit)
                .bind(lease)
                .bind(held)
                .bind(may_claim_lapsed),
        };
        let rows = self.connection.run(claim).await?;
        if which == Claimable::Any {
            let hurried = rows.iter().filter(|row| row.try_get("hurried").unwrap_or(false)).count();
            self.hurry.lock().record(limit, hurried, rows.len());
        }
        let mut claimed =
            Claimed { deliveries: Vec::with_capacity(rows.len()), unreadable: Vec::new(), next_due: None };
        for row in &rows {
            match row::delivery(row, now) {
                Ok(delivery) => claimed.deliveries.push(delivery),
                Err(_) => claimed.unreadable.push(row::unreadable_update(row).map_err(unreadable)?),
            }
        }
        self.held.touch(claimed.deliveries.iter().map(|delivery| delivery.lease), now);
        if let Some(suspect) = claimed.deliveries.iter().find(|delivery| delivery.crash_count > 1) {
            *self.suspect.lock() = Some(suspect.lease);
        }
        if rows.is_empty() && which == Claimable::Any {
            claimed.next_due = self.next_due().await?;
        }
        Ok(claimed)
    }

    async fn next_due(&self) -> Result<Option<Duration>, InboxError> {
        let rows = self.connection.run(sqlx::query("SELECT next_due_1()")).await?;
        let millis: Option<i64> = one_value(&rows)?;
        Ok(millis.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0))))
    }
}
