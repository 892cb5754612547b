//! Takes what is due.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::super::{Delivery, InboxError, LEASE, Lease};
use super::link::{Line, Link};
use super::{millis, time, unreadable};
use crate::update::{Kind, Update, UpdateId};

/// What claims.
pub(super) struct Claiming {
    line: Line,
    /// The last suspect that was claimed here. Whether we still have it, the database knows.
    suspect: Mutex<Option<Lease>>,
}

impl Claiming {
    pub(super) fn new(link: &Arc<Link>) -> Self {
        Self { line: Line::new(link), suspect: Mutex::new(None) }
    }

    /// Claims up to `limit`; says too, when there were fewer, how long it is until the next chat is due.
    pub(super) async fn claim(&self, limit: usize) -> Result<(Vec<Delivery>, Option<Duration>), InboxError> {
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let suspect = *self.suspect();
        let claim = sqlx::query("SELECT * FROM claim_2($1, $2, $3, $4)")
            .bind(most)
            .bind(millis(LEASE))
            .bind(suspect.map(|lease| lease.chat_key.to_string()))
            .bind(suspect.map(|lease| lease.token));
        let rows = self.line.run(claim).await?;
        let deliveries = rows.iter().map(delivery).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        if let Some(suspect) = deliveries.iter().find(|delivery| delivery.deaths > 1) {
            *self.suspect() = Some(suspect.lease);
        }
        if !deliveries.is_empty() {
            return Ok((deliveries, None));
        }
        let rows = self.line.run(sqlx::query("SELECT next_due_1()")).await?;
        let next: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose().map_err(unreadable)?.flatten();
        Ok((deliveries, next.map(|next| Duration::from_millis(u64::try_from(next).unwrap_or(0)))))
    }

    fn suspect(&self) -> MutexGuard<'_, Option<Lease>> {
        self.suspect.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn delivery(row: &PgRow) -> Result<Delivery, sqlx::Error> {
    let chat_key = row.try_get::<&str, _>(1)?.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let calls_left: Option<&str> = row.try_get(7)?;
    let calls_left = calls_left.map(serde_json::from_str).transpose();
    let id = UpdateId(row.try_get(0)?);
    let attempts: i32 = row.try_get(6)?;
    let body: Option<&[u8]> = row.try_get(8)?;
    let deaths: i32 = row.try_get(9)?;
    Ok(Delivery {
        update: Update {
            id,
            kind: Kind::named(row.try_get(3)?),
            chat_key,
            received_at: time(row.try_get(4)?),
            expires_at: time(row.try_get(5)?),
            body: Bytes::copy_from_slice(body.unwrap_or_default()),
        },
        attempt: u32::try_from(attempts).unwrap_or(0) + 1,
        lease: Lease { update_id: id, chat_key, token: row.try_get(2)? },
        calls_left: calls_left.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        deaths: u32::try_from(deaths).unwrap_or(0),
    })
}
