//! What the columns of a row mean, and why a row means nothing.

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

/// What is wrong with a row that cannot be read, in words that hold nothing of it; none when it is the file
/// that cannot be read.
pub(super) fn fault(error: &rusqlite::Error) -> Option<String> {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
        .then(|| "its row in the inbox cannot be read: something else has written to the file".to_owned())
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
            sent_at: None,
            body: Bytes::copy_from_slice(row.get_ref(8)?.as_blob()?),
        },
        attempts: row.get(5)?,
        calls_left: calls_left.map_err(|error| unreadable(7, error))?,
    })
}

/// As much of a row as can be read.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let text = |column| row.get_ref(column).ok().and_then(|value| value.as_str().ok()).map(str::to_owned);
    let number = |column| row.get::<_, i64>(column).unwrap_or(0);
    let body = row.get_ref(8)?.as_bytes_or_null().ok().flatten();
    Ok(Record {
        id: UpdateId(row.get(0)?),
        kind: text(1).map_or_else(Kind::none, |kind| Kind::named(&kind)),
        chat_key: text(2).unwrap_or_default(),
        state: UpdateState::Dead,
        received_at: time(number(3)),
        attempts: u32::try_from(number(5)).unwrap_or(0),
        reason: text(6),
        body: body.map(|body| String::from_utf8_lossy(body).into_owned()),
        calls_left: text(7).and_then(|calls| serde_json::from_str(&calls).ok()),
    })
}
