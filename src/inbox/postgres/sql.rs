//! The start of every transaction, and what PostgreSQL needs of values in both directions.

use std::io;
use std::sync::Arc;

use sqlx::postgres::PgRow;

use crate::inbox::error::InboxError;

/// Begins a transaction that is durable once it is committed. Each statement in it sees everything that was committed
/// before the statement began.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = on";

/// The text without NUL, which PostgreSQL cannot store.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// The only row of an answer.
pub(super) fn one_row(rows: &[PgRow]) -> Result<&PgRow, InboxError> {
    rows.first().ok_or_else(|| unreadable(sqlx::Error::RowNotFound))
}

/// The error for an answer of the database that has an unexpected shape.
pub(super) fn unreadable(error: sqlx::Error) -> InboxError {
    InboxError::Unavailable(Arc::new(error))
}

/// The error for a request that was given up.
pub(super) fn unavailable(reason: &'static str) -> InboxError {
    InboxError::Unavailable(Arc::new(io::Error::other(reason)))
}
