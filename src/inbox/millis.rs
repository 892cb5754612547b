//! Times and spans as both durable stores write them: whole milliseconds in an `i64`.

use std::time::Duration;

use jiff::Timestamp;

/// Milliseconds of Unix time.
pub(super) fn unix_millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The time that [`unix_millis`] wrote. A number outside the range of a [`Timestamp`] gives the latest time.
pub(super) fn from_unix_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// A span in milliseconds, at most ten years: a database can still add that to any date.
pub(super) fn span_millis(span: Duration) -> i64 {
    const TEN_YEARS: i64 = 10 * 366 * 86_400_000;
    i64::try_from(span.as_millis()).unwrap_or(TEN_YEARS).min(TEN_YEARS)
}
