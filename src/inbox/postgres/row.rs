//! Reads updates from the rows of the database.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::clock::{earlier, elapsed, later};
use crate::inbox::delivery::{Delivery, Lease};
use crate::inbox::millis::from_unix_millis;
use crate::inbox::record::{Record, UpdateState};
use crate::update::{Kind, Update, UpdateId};

/// The difference between the two clocks that is tolerated when they measure the age of an update.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// Reads what a claim returns.
pub(super) fn delivery(row: &PgRow, now: Timestamp) -> Result<Delivery, sqlx::Error> {
    let id = UpdateId(row.try_get(0)?);
    let chat_key = row.try_get::<&str, _>(1)?.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let attempts: i32 = row.try_get(6)?;
    let calls_left = row.try_get::<Option<&str>, _>(7)?.map(serde_json::from_str).transpose();
    let body: Option<&[u8]> = row.try_get(8)?;
    let crash_count: i32 = row.try_get(9)?;
    let (stored, expires_at) = (from_unix_millis(row.try_get(4)?), from_unix_millis(row.try_get(5)?));
    let received_at = received_at(stored, row.try_get(10)?, now);
    Ok(Delivery {
        update: Update {
            id,
            kind: Kind::named(row.try_get(3)?),
            chat_key,
            received_at,
            expires_at: later(expires_at, elapsed(stored, received_at)),
            sent_at: None,
            body: Bytes::copy_from_slice(body.unwrap_or_default()),
        },
        attempt: u32::try_from(attempts).unwrap_or(0) + 1,
        revived: row.try_get(11)?,
        lease: Lease { update_id: id, chat_key, token: row.try_get(2)? },
        calls_left: calls_left.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        crash_count: u32::try_from(crash_count).unwrap_or(0),
    })
}

/// When an update arrived, on the clock of this instance. The stored time may come from another instance whose clock was
/// wrong, so `age`, in milliseconds on the clock of the database, is an upper bound. It is not used if it is the greater
/// one, because the clock of the database may have been set forward.
fn received_at(stored: Timestamp, age: Option<i64>, now: Timestamp) -> Timestamp {
    let Some(age) = age else { return stored };
    let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    if elapsed(stored, now) > age + CLOCK_TOLERANCE { earlier(now, age) } else { stored }
}

/// A claimed update whose row cannot be read.
pub(super) struct Unreadable {
    pub(super) id: UpdateId,
    pub(super) chat_key: String,
    pub(super) token: i64,
}

/// Reads the fields of a claimed row that its settlement needs.
pub(super) fn unreadable_update(row: &PgRow) -> Result<Unreadable, sqlx::Error> {
    Ok(Unreadable { id: UpdateId(row.try_get(0)?), chat_key: row.try_get(1)?, token: row.try_get(2)? })
}

/// Reads a dead-letter update. Calls that cannot be read are left out.
pub(super) fn record(row: &PgRow) -> Result<Record, sqlx::Error> {
    let attempts: i32 = row.try_get(4)?;
    let body: Option<&[u8]> = row.try_get(6)?;
    let calls_left: Option<&str> = row.try_get(7)?;
    Ok(Record {
        id: UpdateId(row.try_get(0)?),
        kind: Kind::named(row.try_get(1)?),
        chat_key: row.try_get(2)?,
        state: UpdateState::Dead,
        received_at: from_unix_millis(row.try_get(3)?),
        expires_at: Some(from_unix_millis(row.try_get(8)?)),
        next_attempt_at: None,
        ended_at: None,
        attempts: u32::try_from(attempts).unwrap_or(0),
        reason: row.try_get(5)?,
        body: body.map(|body| String::from_utf8_lossy(body).into_owned()),
        calls_left: calls_left.and_then(|calls| serde_json::from_str(calls).ok()),
    })
}
