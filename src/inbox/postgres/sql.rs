//! The start of every transaction, and what PostgreSQL needs of values in both directions.

use std::io;
use std::sync::Arc;

use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, Row, Type};

use crate::inbox::error::InboxError;

/// Begins a transaction that is durable once it is committed. Each statement in it sees everything that was committed
/// before the statement began.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = on";

/// The text without NUL, which PostgreSQL cannot store.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// One value of each item, as an array for a parameter.
pub(super) fn column<I, T>(items: &[&I], value: impl Fn(&I) -> T) -> Vec<T> {
    items.iter().map(|item| value(item)).collect()
}

/// The only row of an answer.
pub(super) fn one_row(rows: &[PgRow]) -> Result<&PgRow, InboxError> {
    rows.first().ok_or_else(|| unreadable(sqlx::Error::RowNotFound))
}

/// The only value of an answer that has one row and one column.
pub(super) fn one_value<'r, T: Decode<'r, Postgres> + Type<Postgres>>(rows: &'r [PgRow]) -> Result<T, InboxError> {
    one_row(rows)?.try_get(0).map_err(unreadable)
}

/// The error for an answer of the database that has an unexpected shape.
pub(super) fn unreadable(error: sqlx::Error) -> InboxError {
    InboxError::Unavailable(Arc::new(error))
}

/// The error for a request that was given up.
pub(super) fn unavailable(reason: &'static str) -> InboxError {
    InboxError::Unavailable(Arc::new(io::Error::other(reason)))
}
