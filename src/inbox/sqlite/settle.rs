//! Records verdicts, and erases what is left of updates that have ended.

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, params};

use super::super::millis::unix_millis;
use super::super::verdict::{Verdict, VerdictKind};
use crate::telemetry::Label;
use crate::update::UpdateId;

const END: &str = "INSERT OR IGNORE INTO settled (id, ended_at, outcome) VALUES (?1, ?2, ?3)";
const RETRY: &str = "
    UPDATE updates SET
        due_at = ?2, wait = ?3, reason = ?4, attempts = attempts + ?5, calls_left = coalesce(?6, calls_left)
    WHERE id = ?1";
const MARK_DEAD: &str = "
    UPDATE updates SET state = 1, attempts = attempts + 1, reason = ?2, calls_left = coalesce(?3, calls_left)
    WHERE id = ?1 AND state = 0";
const MARK_UNREADABLE: &str = "UPDATE updates SET state = 1, reason = ?2 WHERE id = ?1";

/// The statements that record verdicts in a transaction.
pub(super) struct Settling<'a> {
    end: CachedStatement<'a>,
    retry: CachedStatement<'a>,
    mark_dead: CachedStatement<'a>,
    now: i64,
    /// How many updates were ended.
    pub(super) ended: usize,
    /// How many updates became dead-letter updates.
    pub(super) died: usize,
}

impl<'a> Settling<'a> {
    pub(super) fn prepare(connection: &'a Connection, now: Timestamp) -> rusqlite::Result<Self> {
        Ok(Self {
            end: connection.prepare_cached(END)?,
            retry: connection.prepare_cached(RETRY)?,
            mark_dead: connection.prepare_cached(MARK_DEAD)?,
            now: unix_millis(now),
            ended: 0,
            died: 0,
        })
    }

    pub(super) fn record(&mut self, id: UpdateId, verdict: &Verdict) -> rusqlite::Result<()> {
        let (kind, reason) = (verdict.kind(), verdict.reason());
        match kind {
            VerdictKind::Done | VerdictKind::Expired => self.end(id, kind.name())?,
            VerdictKind::Retry | VerdictKind::Postponed | VerdictKind::CallsLeft => {
                let at = verdict.retry_at().map_or(self.now, unix_millis);
                let wait = at.saturating_sub(self.now).max(0);
                let counted = kind.counts_as_attempt();
                self.retry.execute(params![id.0, at, wait, reason, counted, verdict.calls_json()])?;
            }
            VerdictKind::Dead => self.died += self.mark_dead.execute(params![id.0, reason, verdict.calls_json()])?,
            VerdictKind::Released => {}
        }
        Ok(())
    }

    /// Notes that an update has ended. [`erase_ended`] does the rest later.
    pub(super) fn end(&mut self, id: UpdateId, outcome: &str) -> rusqlite::Result<()> {
        self.end.execute(params![id.0, self.now, outcome])?;
        self.ended += 1;
        Ok(())
    }
}

/// Makes updates whose rows cannot be read dead-letter updates, so that the operator sees them.
pub(super) fn mark_unreadable(connection: &Connection, unreadable: &[(UpdateId, String)]) -> rusqlite::Result<()> {
    for (id, reason) in unreadable {
        connection.execute(MARK_UNREADABLE, params![id.0, reason])?;
        tracing::error!(update.id = id.0, reason, "update given up; `doorbell dead list` shows it");
    }
    Ok(())
}

/// Erases the bodies of all updates that have ended, and keeps their ids.
///
/// Updates end in another order than that of their ids. Erased one by one, each would write pages of its own in two
/// tables; erased together they share pages.
pub(super) fn erase_ended(connection: &Connection) -> rusqlite::Result<()> {
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
