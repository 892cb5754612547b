//! The dead-letter updates in the file, used by the service and by operators' commands at the same time, and the end of
//! updates that wait.

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use super::super::super::lanes::{Lanes, Stored};
use super::super::super::millis::unix_millis;
use super::super::super::record::{Record, Selection};
use super::super::row::{record, unreadable_reason, waiting};
use super::super::settle::{Settling, erase_ended, mark_unreadable};
use super::Store;
use crate::update::UpdateId;

const REVIVE: &str = "
    UPDATE updates SET state = 2, revived = 1, attempts = 0, due_at = 0, wait = 0, reason = NULL
    WHERE id = ?1 AND state = 1";
const REVIVED: &str = "
    SELECT id, chat_key, ?1, 0, NULL, 0, calls_left IS NOT NULL, kind, expires_at - received_at FROM updates
    WHERE state <> 0 AND state = 2 ORDER BY seq";
const ADOPT: &str = "
    UPDATE updates SET state = 0, seq = ?2, received_at = ?3, expires_at = ?3 + ?4 WHERE id = ?1";
const DEAD_IDS: &str = "SELECT id, reason FROM updates WHERE state <> 0 AND state = 1 ORDER BY seq";
const COUNT_DEAD: &str = "SELECT count(*) FROM updates WHERE state <> 0 AND state = 1";
const LIST: &str = "
    SELECT id, kind, chat_key, received_at, expires_at, attempts, reason, calls_left, body FROM updates
    WHERE state <> 0 AND state = 1 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR reason = ?3)
    ORDER BY seq LIMIT ?1";

impl Store {
    /// Counts the dead-letter updates.
    pub(in crate::inbox::sqlite) fn count_dead(&mut self) -> rusqlite::Result<u64> {
        let dead: i64 = self.connection.prepare_cached(COUNT_DEAD)?.query_row([], |row| row.get(0))?;
        self.dead = usize::try_from(dead).unwrap_or(usize::MAX);
        Ok(dead.cast_unsigned())
    }

    /// The selected dead-letter updates, the oldest first.
    pub(in crate::inbox::sqlite) fn list_dead(
        &mut self,
        which: &Selection,
        limit: usize,
    ) -> rusqlite::Result<Vec<Record>> {
        let (ids, reason) = match which {
            Selection::All => (None, None),
            Selection::Ids(ids) => (Some(serde_json::to_string(ids).expect("numbers serialize to JSON")), None),
            Selection::Reason(reason) => (None, Some(reason)),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.connection.prepare_cached(LIST)?.query_map(params![limit, ids, reason], record)?.collect()
    }

    /// Marks dead-letter updates as revived. The process that owns the file, which may be another one, adopts them.
    pub(in crate::inbox::sqlite) fn revive(&mut self, which: &Selection) -> rusqlite::Result<Vec<UpdateId>> {
        // One transaction, so that of two concurrent calls one gets each update.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let ids = dead_ids(&transaction, which)?;
        for id in &ids {
            transaction.prepare_cached(REVIVE)?.execute([id.0])?;
        }
        transaction.commit()?;
        self.has_revived = true;
        self.dead = self.dead.saturating_sub(ids.len());
        Ok(ids)
    }

    /// Adopts revived updates: puts each at the end of its lane, with a lifetime from now on as long as its first.
    /// Whether there were any. After an error the next call tries again.
    pub(in crate::inbox::sqlite) fn adopt(&mut self, lanes: &mut Lanes, now: Timestamp) -> rusqlite::Result<bool> {
        self.has_revived |= self.was_changed_by_others()?;
        if !self.has_revived {
            return Ok(false);
        }
        self.count_dead()?;
        let (mut seq, mut revived, mut unreadable) = (self.last_seq, Vec::<(Stored, i64)>::new(), Vec::new());
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut found = transaction.prepare_cached(REVIVED)?;
            let mut adopt = transaction.prepare_cached(ADOPT)?;
            let mut rows = found.query([unix_millis(now)])?;
            while let Some(row) = rows.next()? {
                let id = UpdateId(row.get(0)?);
                match waiting(row, now).and_then(|stored| Ok((stored, row.get(8)?))) {
                    Ok(found) => revived.push(found),
                    Err(error) => unreadable.push((id, unreadable_reason(&error).ok_or(error)?)),
                }
            }
            for (stored, lifetime) in &revived {
                seq += 1;
                adopt.execute([stored.id.0, seq, unix_millis(now), *lifetime])?;
            }
        }
        mark_unreadable(&transaction, &unreadable)?;
        transaction.commit()?;
        (self.last_seq, self.has_revived) = (seq, false);
        for (stored, _) in &revived {
            lanes.push_stored(*stored);
        }
        self.dead += unreadable.len();
        Ok(!revived.is_empty())
    }

    /// Ends the updates that wait to be handled, and erases their bodies. Their ids stay known. Returns their number.
    pub(in crate::inbox::sqlite) fn drop_waiting(
        &mut self,
        lanes: &mut Lanes,
        now: Timestamp,
    ) -> rusqlite::Result<u64> {
        self.adopt(lanes, now)?;
        let ids = lanes.unhandled();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut settling = Settling::prepare(&transaction, now)?;
            for id in &ids {
                settling.end(*id, "dropped")?;
                self.suspects.delete(&transaction, *id)?;
            }
        }
        erase_ended(&transaction)?;
        transaction.commit()?;
        for id in &ids {
            self.suspects.forget(*id);
        }
        lanes.remove_unhandled();
        Ok(ids.len() as u64)
    }

    /// Whether another process has changed the file since the last call.
    fn was_changed_by_others(&mut self) -> rusqlite::Result<bool> {
        let version = self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        Ok(std::mem::replace(&mut self.data_version, version) != version)
    }

    /// Ends dead-letter updates and erases their bodies. Their ids stay known.
    pub(in crate::inbox::sqlite) fn discard(
        &mut self,
        which: &Selection,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<UpdateId>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let ids = dead_ids(&transaction, which)?;
        for id in &ids {
            Settling::prepare(&transaction, now)?.end(*id, "discarded")?;
        }
        erase_ended(&transaction)?;
        transaction.commit()?;
        self.dead = self.dead.saturating_sub(ids.len());
        Ok(ids)
    }
}

fn dead_ids(connection: &Connection, which: &Selection) -> rusqlite::Result<Vec<UpdateId>> {
    let mut statement = connection.prepare_cached(DEAD_IDS)?;
    let mut rows = statement.query([])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        let id = UpdateId(row.get(0)?);
        if which.includes(id, row.get_ref(1)?.as_str_or_null().ok().flatten()) {
            ids.push(id);
        }
    }
    Ok(ids)
}
