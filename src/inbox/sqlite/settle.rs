use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, ToSql, params};

use super::super::Verdict;
use super::row::millis;
use crate::update::UpdateId;

const FACTS: &str = "SELECT kind, received_at FROM updates WHERE id = ?1";
const END: &str = "INSERT OR IGNORE INTO ended (id, kind, received_at, ended_at, outcome) VALUES (?1, ?2, ?3, ?4, ?5)";
const DELETE: &str = "DELETE FROM updates WHERE id = ?1";
const AGAIN: &str = "
    UPDATE updates SET due_at = ?2, reason = ?3, attempts = attempts + ?4, calls_left = coalesce(?5, calls_left)
    WHERE id = ?1";
const BURY: &str = "UPDATE updates SET state = 1, attempts = attempts + 1, reason = ?2 WHERE id = ?1";

/// The statements that record a verdict.
pub(super) struct Settle<'a> {
    facts: CachedStatement<'a>,
    end: CachedStatement<'a>,
    delete: CachedStatement<'a>,
    again: CachedStatement<'a>,
    bury: CachedStatement<'a>,
    now: i64,
}

impl<'a> Settle<'a> {
    pub(super) fn prepare(connection: &'a Connection, now: Timestamp) -> rusqlite::Result<Self> {
        Ok(Self {
            facts: connection.prepare_cached(FACTS)?,
            end: connection.prepare_cached(END)?,
            delete: connection.prepare_cached(DELETE)?,
            again: connection.prepare_cached(AGAIN)?,
            bury: connection.prepare_cached(BURY)?,
            now: millis(now),
        })
    }

    pub(super) fn record(&mut self, id: UpdateId, verdict: &Verdict) -> rusqlite::Result<()> {
        match verdict {
            Verdict::Done => self.end(id, "done"),
            Verdict::Expired => self.end(id, "expired"),
            Verdict::Retry { at, reason } => self.again(id, *at, reason, 1, None),
            Verdict::Postpone { at, reason } => self.again(id, *at, reason, 0, None),
            Verdict::CallsLeft { calls, at, reason } => {
                let calls = serde_json::to_string(calls).expect("calls are JSON already");
                self.again(id, *at, reason, 0, Some(&calls))
            }
            Verdict::Dead { reason } => self.bury.execute(params![id.0, reason]).map(drop),
            Verdict::Released => Ok(()),
        }
    }

    pub(super) fn end(&mut self, id: UpdateId, outcome: &str) -> rusqlite::Result<()> {
        let mut rows = self.facts.query([id.0])?;
        if let Some(row) = rows.next()? {
            let (kind, received_at) = (row.get_ref(0)?, row.get_ref(1)?.as_i64()?);
            self.end.execute(params![id.0, kind.as_str()?, received_at, self.now, outcome])?;
        }
        drop(rows);
        self.delete.execute([id.0])?;
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
        let values: [&dyn ToSql; 5] = [&id.0, &millis(at), &reason, &counted, &calls];
        self.again.execute(values).map(drop)
    }
}
