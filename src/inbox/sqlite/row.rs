//! What the columns of a row mean.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Row;

use super::super::{Record, UpdateState};
use crate::telegram::Call;
use crate::update::{ChatKey, Kind, Update, UpdateId};

/// An update as the file has it.
pub(super) struct Kept {
    pub(super) update: Update,
    pub(super) attempts: u32,
    pub(super) calls_left: Option<Vec<Call>>,
}

/// Milliseconds of Unix time, as the file has times.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

pub(super) fn chat_key(row: &Row<'_>, column: usize) -> rusqlite::Result<ChatKey> {
    row.get_ref(column)?.as_str()?.parse().map_err(|error| unreadable(column, error))
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

pub(super) fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let calls_left: Option<String> = row.get(7)?;
    let calls_left = calls_left.map(|calls| serde_json::from_str(&calls)).transpose();
    Ok(Kept {
        update: Update {
            id: UpdateId(row.get(0)?),
            kind: Kind::named(row.get_ref(1)?.as_str()?),
            chat_key: chat_key(row, 2)?,
            received_at: time(row.get(3)?),
            expires_at: time(row.get(4)?),
            body: Bytes::copy_from_slice(row.get_ref(8)?.as_blob()?),
        },
        attempts: row.get(5)?,
        calls_left: calls_left.map_err(|error| unreadable(7, error))?,
    })
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let kept = kept(row)?;
    Ok(Record {
        id: kept.update.id,
        kind: kept.update.kind,
        chat_key: kept.update.chat_key.to_string(),
        state: UpdateState::Dead,
        received_at: kept.update.received_at,
        attempts: kept.attempts,
        reason: row.get(6)?,
        body: Some(String::from_utf8_lossy(&kept.update.body).into_owned()),
        calls_left: kept.calls_left,
    })
}
