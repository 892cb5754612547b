//! What is done with dead updates, by the service or by an operator beside it.

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use super::super::super::lanes::Lanes;
use super::super::super::{Record, Selection};
use super::super::row::{chat_key, fault, millis, record};
use super::super::settle::{Settle, erase};
use super::Journal;
use crate::update::{ChatKey, UpdateId};

const REVIVE: &str = "
    UPDATE updates SET state = 2, attempts = 0, due_at = 0, wait = 0, reason = NULL WHERE id = ?1 AND state = 1";
const REVIVED: &str = "
    SELECT id, chat_key, expires_at - received_at FROM updates WHERE state <> 0 AND state = 2 ORDER BY seq";
const LINE_UP: &str = "
    UPDATE updates SET state = 0, seq = ?2, received_at = ?3, expires_at = ?3 + ?4 WHERE id = ?1";
/// An update that cannot be read becomes a dead-letter update, so that the operator sees it.
const SET_ASIDE: &str = "UPDATE updates SET state = 1, reason = ?2 WHERE id = ?1";
const COUNT_DEAD: &str = "SELECT count(*) FROM updates WHERE state <> 0 AND state = 1";
const LIST: &str = "
    SELECT id, kind, chat_key, received_at, expires_at, attempts, reason, calls_left, body FROM updates
    WHERE state <> 0 AND state = 1 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2))) ORDER BY seq LIMIT ?1";

impl Journal {
    /// Counts the dead updates.
    pub(in crate::inbox::sqlite) fn count_dead(&mut self) -> rusqlite::Result<u64> {
        let dead: u64 =
            self.connection.prepare_cached(COUNT_DEAD)?.query_row([], |row| row.get(0)).map(i64::cast_unsigned)?;
        self.dead = usize::try_from(dead).unwrap_or(usize::MAX);
        Ok(dead)
    }

    /// The dead updates, the oldest first.
    pub(in crate::inbox::sqlite) fn list_dead(
        &mut self,
        which: &Selection,
        limit: usize,
    ) -> rusqlite::Result<Vec<Record>> {
        let ids = match which {
            Selection::All => None,
            Selection::Ids(ids) => Some(serde_json::to_string(ids).expect("numbers are JSON")),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.connection.prepare_cached(LIST)?.query_map(params![limit, ids], record)?.collect()
    }

    /// Puts dead updates back, for whoever owns the file to take up: another process may ask for it.
    pub(in crate::inbox::sqlite) fn revive(&mut self, which: &Selection) -> rusqlite::Result<Vec<UpdateId>> {
        // One transaction: of two that ask at the same time, one has what is dead.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let ids = dead_ids(&transaction, which)?;
        for id in &ids {
            transaction.prepare_cached(REVIVE)?.execute([id.0])?;
        }
        transaction.commit()?;
        self.revived = true;
        self.dead = self.dead.saturating_sub(ids.len());
        Ok(ids)
    }

    /// Lines up what was revived, behind everything that waits now; whether there was anything. Each has a
    /// new life from now on, as long as its first was. What fails is tried again when this is asked next.
    pub(in crate::inbox::sqlite) fn take_up(&mut self, lanes: &mut Lanes, now: Timestamp) -> rusqlite::Result<bool> {
        self.revived |= self.was_changed_outside()?;
        if !self.revived {
            return Ok(false);
        }
        self.count_dead()?;
        let (mut seq, mut revived, mut faulty) = (self.last_seq, Vec::<(UpdateId, ChatKey, i64)>::new(), Vec::new());
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut found = transaction.prepare_cached(REVIVED)?;
            let mut line_up = transaction.prepare_cached(LINE_UP)?;
            let mut rows = found.query([])?;
            while let Some(row) = rows.next()? {
                let id = UpdateId(row.get(0)?);
                match chat_key(row, 1).and_then(|key| Ok((key, row.get(2)?))) {
                    Ok((key, life)) => revived.push((id, key, life)),
                    Err(error) => faulty.push((id, fault(&error).ok_or(error)?)),
                }
            }
            for (id, _, life) in &revived {
                seq += 1;
                line_up.execute([id.0, seq, millis(now), *life])?;
            }
        }
        set_aside(&transaction, &faulty)?;
        transaction.commit()?;
        (self.last_seq, self.revived) = (seq, false);
        for (id, key, _) in &revived {
            lanes.push_kept(*key, *id, now, None);
        }
        self.dead += faulty.len();
        Ok(!revived.is_empty())
    }

    /// Whether another process has changed the file since this was asked last.
    fn was_changed_outside(&mut self) -> rusqlite::Result<bool> {
        let version = self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        Ok(std::mem::replace(&mut self.outside_version, version) != version)
    }

    /// Ends dead updates without a trace of what was in them.
    pub(in crate::inbox::sqlite) fn discard(
        &mut self,
        which: &Selection,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<UpdateId>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let ids = dead_ids(&transaction, which)?;
        for id in &ids {
            Settle::prepare(&transaction, now)?.end(*id, "discarded")?;
        }
        erase(&transaction)?;
        transaction.commit()?;
        self.dead = self.dead.saturating_sub(ids.len());
        Ok(ids)
    }
}

fn dead_ids(connection: &Connection, which: &Selection) -> rusqlite::Result<Vec<UpdateId>> {
    let all = "SELECT id FROM updates WHERE state <> 0 AND state = 1 ORDER BY seq";
    let dead: Vec<i64> =
        connection.prepare_cached(all)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(dead.into_iter().map(UpdateId).filter(|id| which.includes(*id)).collect())
}

pub(super) fn set_aside(connection: &Connection, faulty: &[(UpdateId, String)]) -> rusqlite::Result<()> {
    for (id, fault) in faulty {
        connection.execute(SET_ASIDE, params![id.0, fault])?;
        tracing::error!(update.id = id.0, reason = fault, "update given up; `doorbell dead list` shows it");
    }
    Ok(())
}
