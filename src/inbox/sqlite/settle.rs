use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, ToSql, params};

use super::super::Verdict;
use super::row::millis;
use crate::telegram::Call;
use crate::update::UpdateId;

const END: &str = "INSERT OR IGNORE INTO settled (id, ended_at, outcome) VALUES (?1, ?2, ?3)";
const AGAIN: &str = "
    UPDATE updates SET
        due_at = ?2, wait = ?6, reason = ?3, attempts = attempts + ?4, calls_left = coalesce(?5, calls_left)
    WHERE id = ?1";
const BURY: &str = "
    UPDATE updates SET state = 1, attempts = attempts + 1, reason = ?2, calls_left = coalesce(?3, calls_left)
    WHERE id = ?1 AND state = 0";

/// The statements that record a verdict.
pub(super) struct Settle<'a> {
    end: CachedStatement<'a>,
    again: CachedStatement<'a>,
    bury: CachedStatement<'a>,
    now: i64,
    /// How many updates were ended here.
    pub(super) ended: usize,
    /// How many died here.
    pub(super) buried: usize,
}

impl<'a> Settle<'a> {
    pub(super) fn prepare(connection: &'a Connection, now: Timestamp) -> rusqlite::Result<Self> {
        Ok(Self {
            end: connection.prepare_cached(END)?,
            again: connection.prepare_cached(AGAIN)?,
            bury: connection.prepare_cached(BURY)?,
            now: millis(now),
            ended: 0,
            buried: 0,
        })
    }

    pub(super) fn record(&mut self, id: UpdateId, verdict: &Verdict) -> rusqlite::Result<()> {
        match verdict {
            Verdict::Done => self.end(id, "done"),
            Verdict::Expired => self.end(id, "expired"),
            Verdict::Retry { at, reason } => self.again(id, *at, reason, 1, None),
            Verdict::Postpone { at, reason } => self.again(id, *at, reason, 0, None),
            Verdict::CallsLeft { calls, at, reason } => self.again(id, *at, reason, 0, Some(&stored(calls))),
            Verdict::Dead { reason } => self.dead(id, reason, None),
            Verdict::Refused { calls, reason } => self.dead(id, reason, Some(&stored(calls))),
            Verdict::Released => Ok(()),
        }
    }

    /// Notes that an update has ended; [`erase`] does the rest.
    pub(super) fn end(&mut self, id: UpdateId, outcome: &str) -> rusqlite::Result<()> {
        self.end.execute(params![id.0, self.now, outcome])?;
        self.ended += 1;
        Ok(())
    }

    fn dead(&mut self, id: UpdateId, reason: &str, calls: Option<&str>) -> rusqlite::Result<()> {
        self.buried += self.bury.execute(params![id.0, reason, calls])?;
        Ok(())
    }

    fn again(
        &mut self,
        id: UpdateId,
        at: Timestamp,
        reason: &str,
        counted: u32,
        calls: Option<&str>,
    ) -> rusqlite::Result<()> {
        let wait = millis(at).saturating_sub(self.now).max(0);
        let values: [&dyn ToSql; 6] = [&id.0, &millis(at), &reason, &counted, &calls, &wait];
        self.again.execute(values).map(drop)
    }
}

fn stored(calls: &[Call]) -> String {
    serde_json::to_string(calls).expect("calls are JSON already")
}

/// Erases the bodies of all updates that have ended, and keeps their ids.
///
/// Updates end in another order than that of their ids. One by one, each would touch a page of its own
/// in two tables; many at once share theirs.
pub(super) fn erase(connection: &Connection) -> rusqlite::Result<()> {
    for statement in [KEEP_IDS, ERASE, "DELETE FROM settled"] {
        connection.prepare_cached(statement)?.execute([])?;
    }
    Ok(())
}

const KEEP_IDS: &str = "
    INSERT OR IGNORE INTO ended (id, kind, received_at, ended_at, outcome)
    SELECT id, kind, received_at, settled.ended_at, settled.outcome FROM settled CROSS JOIN updates USING (id)
    ORDER BY settled.id";
const ERASE: &str = "DELETE FROM updates WHERE id IN (SELECT id FROM settled)";
