//! How far the times in the file are behind the true time, for the next start to correct.

use jiff::Timestamp;
use rusqlite::Connection;

use super::super::millis::unix_millis;
use crate::clock::Clock;

/// A difference up to this many milliseconds is not recorded.
const TOLERANCE: i64 = 1_000;

/// The lag of [`Clock::steady`], with which the file's times are written, in milliseconds. Two things show a lag: a
/// step of the machine's clock, and a date of Telegram's that is later than ours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClockLag {
    shown_by_telegram: i64,
    /// The value in the file.
    recorded: i64,
}

impl ClockLag {
    /// Records Telegram's date of an update that was accepted at `now`.
    pub(super) fn observe(&mut self, sent_at: Timestamp, now: Timestamp) {
        self.shown_by_telegram = self.shown_by_telegram.max(unix_millis(sent_at) - unix_millis(now));
    }

    /// Writes the lag into the file if it has changed.
    pub(super) fn record(&mut self, connection: &Connection, clock: &dyn Clock) -> rusqlite::Result<()> {
        let lag = self.shown_by_telegram.max(unix_millis(clock.now()) - unix_millis(clock.steady()));
        if (lag - self.recorded).abs() > TOLERANCE {
            connection.execute("UPDATE service SET behind = ?1", [lag])?;
            self.recorded = lag;
        }
        Ok(())
    }
}
