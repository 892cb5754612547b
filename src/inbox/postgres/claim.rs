//! Takes what is due.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::super::millis::{from_unix_millis, span_millis};
use super::super::{Delivery, InboxError, LEASE, Lease};
use super::held::Held;
use super::line::Line;
use super::link::Link;
use super::unreadable;
use crate::clock::{earlier, elapsed, later};
use crate::update::{Kind, Update, UpdateId};

/// What claims.
pub(super) struct Claiming {
    line: Line,
    link: Arc<Link>,
    held: Arc<Held>,
    /// The last suspect that was claimed here. Whether we still have it, the database knows.
    suspect: Mutex<Option<Lease>>,
}

impl Claiming {
    pub(super) fn new(link: &Arc<Link>, held: &Arc<Held>) -> Self {
        Self { line: Line::new(link), link: Arc::clone(link), held: Arc::clone(held), suspect: Mutex::new(None) }
    }

    /// Prolongs leases, on the way of the claims: nothing long is ever run there.
    pub(super) async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        if leases.is_empty() {
            return Ok(());
        }
        let (keys, tokens): (Vec<_>, Vec<_>) =
            leases.iter().map(|lease| (lease.chat_key.to_string(), lease.token)).unzip();
        let extend = sqlx::query("SELECT extend_2($1, $2, $3)");
        self.line.run(extend.bind(keys).bind(tokens).bind(span_millis(LEASE))).await.map(drop)
    }

    /// Claims up to `limit`.
    pub(super) async fn claim(&self, limit: usize) -> Result<Claimed, InboxError> {
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let suspect = *self.suspect();
        let now = self.link.clock.steady();
        let mine: Vec<i64> = self.held.leases().iter().map(|lease| lease.token).collect();
        let claim = sqlx::query("SELECT * FROM claim_3($1, $2, $3, $4, $5, $6)")
            .bind(most)
            .bind(span_millis(LEASE))
            .bind(suspect.map(|lease| lease.chat_key.to_string()))
            .bind(suspect.map(|lease| lease.token))
            .bind(mine)
            .bind(self.link.takes_lapsed());
        let rows = self.line.run(claim).await?;
        let (mut deliveries, mut faulty) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            match delivery(row, now) {
                Ok(delivery) => deliveries.push(delivery),
                Err(_) => faulty.push(Faulty::of(row).map_err(unreadable)?),
            }
        }
        let found = rows.len();
        self.held.at_work(deliveries.iter().map(|delivery| delivery.lease), now);
        if let Some(suspect) = deliveries.iter().find(|delivery| delivery.crash_count > 1) {
            *self.suspect() = Some(suspect.lease);
        }
        if found > 0 {
            return Ok(Claimed { deliveries, faulty, next_due: None });
        }
        let rows = self.line.run(sqlx::query("SELECT next_due_1()")).await?;
        let next: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose().map_err(unreadable)?.flatten();
        let next_due = next.map(|next| Duration::from_millis(u64::try_from(next).unwrap_or(0)));
        Ok(Claimed { deliveries, faulty, next_due })
    }

    fn suspect(&self) -> MutexGuard<'_, Option<Lease>> {
        self.suspect.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a claim took.
pub(super) struct Claimed {
    pub(super) deliveries: Vec<Delivery>,
    /// What cannot be read: it is held too.
    pub(super) faulty: Vec<Faulty>,
    /// When there was nothing, how long it is until the next chat is due.
    pub(super) next_due: Option<Duration>,
}

/// An update that was claimed and cannot be read.
pub(super) struct Faulty {
    pub(super) id: UpdateId,
    pub(super) chat_key: String,
    pub(super) token: i64,
}

impl Faulty {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { id: UpdateId(row.try_get(0)?), chat_key: row.try_get(1)?, token: row.try_get(2)? })
    }
}

/// By how much the clock of the database and ours may differ on how old an update is.
const CLOCKS_AGREE: Duration = Duration::from_secs(2);

/// When an update arrived, on our clock. What was written down may come from a clock that was wrong; then it is
/// the clock of the database that tells its age. Where that one says more it may have been set forward: the
/// lesser age counts.
fn received(written: Timestamp, age: Option<i64>, now: Timestamp) -> Timestamp {
    let Some(age) = age else { return written };
    let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    if elapsed(written, now) > age + CLOCKS_AGREE { earlier(now, age) } else { written }
}

fn delivery(row: &PgRow, now: Timestamp) -> Result<Delivery, sqlx::Error> {
    let chat_key = row.try_get::<&str, _>(1)?.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let calls_left: Option<&str> = row.try_get(7)?;
    let calls_left = calls_left.map(serde_json::from_str).transpose();
    let id = UpdateId(row.try_get(0)?);
    let attempts: i32 = row.try_get(6)?;
    let body: Option<&[u8]> = row.try_get(8)?;
    let crash_count: i32 = row.try_get(9)?;
    let (written, expires_at) = (from_unix_millis(row.try_get(4)?), from_unix_millis(row.try_get(5)?));
    let received_at = received(written, row.try_get(10)?, now);
    Ok(Delivery {
        update: Update {
            id,
            kind: Kind::named(row.try_get(3)?),
            chat_key,
            received_at,
            expires_at: later(expires_at, elapsed(written, received_at)),
            sent_at: None,
            body: Bytes::copy_from_slice(body.unwrap_or_default()),
        },
        attempt: u32::try_from(attempts).unwrap_or(0) + 1,
        lease: Lease { update_id: id, chat_key, token: row.try_get(2)? },
        calls_left: calls_left.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        crash_count: u32::try_from(crash_count).unwrap_or(0),
    })
}
