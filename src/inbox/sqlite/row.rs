//! Reads rows of the table of updates.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Row;

use super::super::delivery::{Delivery, Lease};
use super::super::lanes::{Stored, Urgency};
use super::super::millis::from_unix_millis;
use super::super::record::{Record, UpdateState};
use crate::clock::later;
use crate::telegram::Call;
use crate::update::{ChatKey, Kind, Update, UpdateId};

pub(super) fn chat_key(row: &Row<'_>, column: usize) -> rusqlite::Result<ChatKey> {
    row.get_ref(column)?.as_str()?.parse().map_err(|error| conversion_error(column, error))
}

fn conversion_error(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

/// Why a row cannot be read, without any of its contents. `None` if the error is the file's and not the row's.
pub(super) fn unreadable_reason(error: &rusqlite::Error) -> Option<String> {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
        .then(|| "its row in the inbox cannot be read: something else has written to the file".to_owned())
}

/// An update that waits, from the columns id, chat key, acceptance, next attempt, crash count, wait, whether calls are left,
/// and kind. It waits no longer than the delay that was written, independent of the clock's time now.
pub(super) fn waiting(row: &Row<'_>, now: Timestamp) -> rusqlite::Result<Stored> {
    let (ready_at, wait): (i64, u64) = (row.get(3)?, row.get::<_, i64>(5)?.cast_unsigned());
    let latest = later(now, Duration::from_millis(wait));
    let key = chat_key(row, 1)?;
    Ok(Stored {
        id: UpdateId(row.get(0)?),
        key,
        received_at: from_unix_millis(row.get(2)?),
        ready_at: (ready_at > 0).then(|| from_unix_millis(ready_at).min(latest)),
        crash_count: row.get(4)?,
        has_calls: row.get(6)?,
        urgency: Urgency::of(key, &Kind::named(row.get_ref(7)?.as_str()?)),
    })
}

/// Reads a claimed update from the columns `id, kind, chat_key, received_at, expires_at, attempts, reason, calls_left,
/// body, revived`.
pub(super) fn delivery(row: &Row<'_>, lease: Lease, crash_count: u32) -> rusqlite::Result<Delivery> {
    let calls_left: Option<String> = row.get(7)?;
    let calls_left = calls_left.map(|calls| serde_json::from_str(&calls)).transpose();
    Ok(Delivery {
        update: Update {
            id: UpdateId(row.get(0)?),
            kind: Kind::named(row.get_ref(1)?.as_str()?),
            chat_key: chat_key(row, 2)?,
            received_at: from_unix_millis(row.get(3)?),
            expires_at: from_unix_millis(row.get(4)?),
            sent_at: None,
            body: Bytes::copy_from_slice(row.get_ref(8)?.as_blob()?),
        },
        attempt: row.get::<_, u32>(5)?.saturating_add(1),
        revived: row.get(9)?,
        lease,
        calls_left: calls_left.map_err(|error| conversion_error(7, error))?,
        crash_count,
    })
}

/// Reads a dead-letter update from the columns of [`delivery`] without the last. What cannot be read is left empty.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let (body, calls_left) = (body(row, 8)?, calls_left(row, 7));
    Ok(Record {
        id: UpdateId(row.get(0)?),
        kind: kind(row),
        chat_key: text(row, 2).unwrap_or_default(),
        state: UpdateState::Dead,
        received_at: from_unix_millis(number(row, 3)),
        expires_at: Some(from_unix_millis(number(row, 4))),
        next_attempt_at: None,
        ended_at: None,
        attempts: u32::try_from(number(row, 5)).unwrap_or(0),
        reason: text(row, 6),
        body,
        calls_left,
    })
}

/// Reads an update without its content from the columns `id, kind, chat_key, received_at, expires_at, state, attempts,
/// due_at, reason, ended_at, outcome`. The file does not say whether it is claimed, or the present time.
pub(super) fn outline(row: &Row<'_>) -> rusqlite::Result<Record> {
    let time = |column| row.get::<_, Option<i64>>(column).ok().flatten().map(from_unix_millis);
    let ended_at = time(9);
    Ok(Record {
        id: UpdateId(row.get(0)?),
        kind: kind(row),
        chat_key: text(row, 2).unwrap_or_default(),
        state: state(row),
        received_at: from_unix_millis(number(row, 3)),
        expires_at: time(4),
        next_attempt_at: Some(number(row, 7)).filter(|due| *due > 0).map(from_unix_millis),
        ended_at,
        attempts: u32::try_from(number(row, 6)).unwrap_or(0),
        reason: text(row, 8).filter(|_| ended_at.is_none()),
        body: None,
        calls_left: None,
    })
}

/// The state of an update, from the same columns as [`outline`]. A claimed update waits.
pub(super) fn state(row: &Row<'_>) -> UpdateState {
    let outcome = row.get_ref(10).ok().and_then(|outcome| outcome.as_str_or_null().ok().flatten());
    match (outcome, number(row, 5)) {
        (Some("done"), _) => UpdateState::Done,
        (Some("expired"), _) => UpdateState::Expired,
        (Some(_), _) => UpdateState::Discarded,
        (None, 1) => UpdateState::Dead,
        (None, _) => UpdateState::Waiting,
    }
}

/// Reads the columns `body, calls_left`.
pub(super) fn content(row: &Row<'_>) -> rusqlite::Result<(Option<String>, Option<Vec<Call>>)> {
    Ok((body(row, 0)?, calls_left(row, 1)))
}

fn body(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    let body = row.get_ref(column)?.as_bytes_or_null().ok().flatten();
    Ok(body.map(|body| String::from_utf8_lossy(body).into_owned()))
}

fn calls_left(row: &Row<'_>, column: usize) -> Option<Vec<Call>> {
    text(row, column).and_then(|calls| serde_json::from_str(&calls).ok())
}

fn kind(row: &Row<'_>) -> Kind {
    text(row, 1).map_or_else(Kind::none, |kind| Kind::named(&kind))
}

fn text(row: &Row<'_>, column: usize) -> Option<String> {
    row.get_ref(column).ok().and_then(|value| value.as_str().ok()).map(str::to_owned)
}

fn number(row: &Row<'_>, column: usize) -> i64 {
    row.get::<_, i64>(column).unwrap_or(0)
}
