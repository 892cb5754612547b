//! The file: every statement that is run on it.

use std::collections::HashSet;
use std::fs::File;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::super::lanes::Lanes;
use super::super::{Counts, Record, Selection};
use super::row::{Kept, chat_key, kept, millis, record, time};
use super::settle::{Settle, erase};
use super::tenure::{self, Before};
use super::writer::Job;
use crate::clock::{Clock, elapsed};
use crate::update::{ChatKey, UpdateId};

/// What a commit made of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It is in the file.
    Stored,
    /// An update of that id is in the file already.
    Known,
    /// There was no room.
    Refused,
}

/// The file and the lock that makes it ours.
pub(super) struct Journal {
    connection: Connection,
    last_seq: i64,
    /// No id beyond this one was ever in the file.
    highest_id: i64,
    /// What SQLite counts of other processes' changes.
    outside_version: i64,
    /// How many updates have ended since the last [`erase`].
    spent: usize,
    /// What was written down as being in hand: mostly nothing.
    in_hand: HashSet<UpdateId>,
    /// The lock ends with the process, however it ends. A visitor has none.
    lock: Option<File>,
    before: Before,
}

/// How many updates may have ended before their rows are erased with the next commit. When there is
/// little to do they are erased within a second.
const ERASE_AT: usize = 512;

// One row at a time and no conflict clause but IGNORE: SQLite then needs no journal of its own for
// the statement.
const INSERT: &str = "
    INSERT OR IGNORE INTO updates (id, seq, kind, chat_key, received_at, expires_at, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const IS_OPEN: &str = "SELECT EXISTS (SELECT 1 FROM updates WHERE id = ?1)";
const HAS_ENDED: &str = "SELECT EXISTS (SELECT 1 FROM ended WHERE id = ?1)";
const HIGHEST_ID: &str = "
    SELECT max(coalesce((SELECT max(id) FROM updates), 0), coalesce((SELECT max(id) FROM ended), 0))";
const REVIVE: &str = "
    UPDATE updates SET state = 2, attempts = 0, due_at = 0, reason = NULL, expires_at = ?2 + expires_at - received_at
    WHERE id = ?1";
const LOAD: &str = "
    SELECT id, kind, chat_key, received_at, expires_at, attempts, reason, calls_left, body FROM updates WHERE id = ?1";
const LIST: &str = "
    SELECT id, kind, chat_key, received_at, expires_at, attempts, reason, calls_left, body FROM updates
    WHERE state <> 0 AND state = 1 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2))) ORDER BY seq LIMIT ?1";

impl Journal {
    /// The file, with the lock of whoever owns it.
    pub(super) fn new(connection: Connection, owned: Option<(File, Before)>) -> rusqlite::Result<Self> {
        let last_seq = connection.query_row("SELECT coalesce(max(seq), 0) FROM updates", [], |row| row.get(0))?;
        let highest_id = connection.query_row(HIGHEST_ID, [], |row| row.get(0))?;
        let outside_version = connection.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        let (lock, before) = owned.map_or((None, Before::Ended), |(lock, before)| (Some(lock), before));
        Ok(Self { connection, last_seq, highest_id, outside_version, spent: 0, in_hand: HashSet::new(), lock, before })
    }

    /// Whether this process owns the file, and so its order of work.
    pub(super) fn is_owner(&self) -> bool {
        self.lock.is_some()
    }

    /// Lines up every update that waits, as an earlier process left them. If that one died, it may
    /// have died of any of them.
    pub(super) fn restore(&mut self, lanes: &mut Lanes) -> rusqlite::Result<()> {
        let mut waiting = self.connection.prepare(
            "SELECT id, chat_key, received_at, due_at, deaths FROM updates LEFT JOIN suspects USING (id) \
             WHERE state = 0 ORDER BY seq",
        )?;
        let died = (self.before == Before::Died).then_some(0);
        let mut rows = waiting.query([])?;
        while let Some(row) = rows.next()? {
            let due_at: i64 = row.get(3)?;
            let due_at = (due_at > 0).then(|| time(due_at));
            let (key, id, received_at) = (chat_key(row, 1)?, UpdateId(row.get(0)?), time(row.get(2)?));
            match row.get::<_, Option<u32>>(4)?.or(died) {
                Some(deaths) => lanes.push_unsure(key, id, received_at, due_at, deaths),
                None => lanes.push_kept(key, id, received_at, due_at),
            }
        }
        Ok(())
    }

    /// Commits a batch; returns once it would survive a crash. Up to `room` updates are stored.
    pub(super) fn commit(
        &mut self,
        jobs: &[Job],
        room: usize,
        clock: &dyn Clock,
        counts: &Counts,
    ) -> rusqlite::Result<Vec<Entry>> {
        let mut entries = Vec::with_capacity(jobs.len());
        if jobs.iter().all(|job| matches!(job, Job::Run(_))) {
            entries.resize(jobs.len(), Entry::Stored);
            return Ok(entries);
        }
        let (mut stored, mut seq, mut highest_id) = (0, self.last_seq, self.highest_id);
        let erasing = self.spent >= ERASE_AT;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let ended = {
            let mut insert = transaction.prepare_cached(INSERT)?;
            let mut is_open = transaction.prepare_cached(IS_OPEN)?;
            let mut has_ended = transaction.prepare_cached(HAS_ENDED)?;
            let mut settle = Settle::prepare(&transaction, clock.now())?;
            for job in jobs {
                entries.push(match job {
                    // Ids mostly grow: one beyond all others needs no looking up.
                    Job::Accept { update, .. } if update.id.0 <= self.highest_id && is(&mut has_ended, update.id)? => {
                        Entry::Known
                    }
                    Job::Accept { update, .. } if stored < room => {
                        let new = insert.execute(params![
                            update.id.0,
                            seq + 1,
                            update.kind.name(),
                            update.chat_key.to_string(),
                            millis(update.received_at),
                            millis(update.expires_at),
                            &update.body[..],
                        ])?;
                        stored += new;
                        seq += i64::from(new > 0);
                        highest_id = highest_id.max(update.id.0);
                        if new > 0 { Entry::Stored } else { Entry::Known }
                    }
                    Job::Accept { update, .. } => {
                        if is(&mut is_open, update.id)? {
                            Entry::Known
                        } else {
                            Entry::Refused
                        }
                    }
                    Job::Settle { lease, verdict, .. } => {
                        settle.record(lease.update_id, verdict)?;
                        if self.in_hand.contains(&lease.update_id) {
                            transaction.prepare_cached(tenure::CLEAR)?.execute([lease.update_id.0])?;
                        }
                        Entry::Stored
                    }
                    Job::Run(_) => Entry::Stored,
                });
            }
            settle.ended
        };
        if erasing {
            erase(&transaction)?;
        }
        let written = clock.now();
        transaction.commit()?;
        counts.sync_took.observe(elapsed(written, clock.now()).as_secs_f64());
        self.spent = if erasing { 0 } else { self.spent + ended };
        (self.last_seq, self.highest_id) = (seq, highest_id);
        if !self.in_hand.is_empty() {
            for job in jobs {
                if let Job::Settle { lease, .. } = job {
                    self.in_hand.remove(&lease.update_id);
                }
            }
        }
        Ok(entries)
    }

    /// Lets go of the file in good order, if it is ours.
    pub(super) fn let_go(&mut self) -> rusqlite::Result<()> {
        if self.is_owner() { tenure::let_go(&self.connection) } else { Ok(()) }
    }

    /// Erases what is left of updates that have ended.
    pub(super) fn erase(&mut self) -> rusqlite::Result<()> {
        if self.spent > 0 {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            erase(&transaction)?;
            transaction.commit()?;
            self.spent = 0;
        }
        Ok(())
    }

    /// Reads claimed updates back, in their order; none for one that is not there. Those that a process
    /// may have died of, which are marked, are written down as being in hand first.
    pub(super) fn load(&mut self, claimed: &[(UpdateId, bool)]) -> rusqlite::Result<Vec<Option<Kept>>> {
        let unsure: Vec<UpdateId> = claimed.iter().filter(|(_, unsure)| *unsure).map(|(id, _)| *id).collect();
        if !unsure.is_empty() {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tenure::take_in_hand(&transaction, &unsure)?;
            transaction.commit()?;
            self.in_hand.extend(unsure);
        }
        let mut load = self.connection.prepare_cached(LOAD)?;
        claimed.iter().map(|(id, _)| load.query_row([id.0], kept).optional()).collect()
    }

    /// Writes what changes nothing, to see whether a commit would succeed now.
    pub(super) fn try_to_write(&mut self) -> rusqlite::Result<()> {
        let version: i64 = self.connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()
    }

    /// How many updates are dead.
    pub(super) fn count_dead(&mut self) -> rusqlite::Result<u64> {
        let count = "SELECT count(*) FROM updates WHERE state <> 0 AND state = 1";
        self.connection.prepare_cached(count)?.query_row([], |row| row.get(0)).map(i64::cast_unsigned)
    }

    /// The dead updates, the oldest first.
    pub(super) fn list_dead(&mut self, which: &Selection, limit: usize) -> rusqlite::Result<Vec<Record>> {
        let ids = match which {
            Selection::All => None,
            Selection::Ids(ids) => Some(serde_json::to_string(ids).expect("numbers are JSON")),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.connection.prepare_cached(LIST)?.query_map(params![limit, ids], record)?.collect()
    }

    /// Puts dead updates back, for whoever owns the file to take up: another process may ask for it.
    /// Each has a new life, as long as its first was.
    pub(super) fn revive(&mut self, which: &Selection, now: Timestamp) -> rusqlite::Result<Vec<UpdateId>> {
        let ids = self.dead_ids(which)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for id in &ids {
            transaction.prepare_cached(REVIVE)?.execute([*id, millis(now)])?;
        }
        transaction.commit()?;
        Ok(ids.into_iter().map(UpdateId).collect())
    }

    /// Lines up what was revived, behind everything that waits now; whether there was anything.
    pub(super) fn take_up(&mut self, lanes: &mut Lanes) -> rusqlite::Result<bool> {
        let mut seq = self.last_seq;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let revived: Vec<(UpdateId, ChatKey, Timestamp)> = transaction
            .prepare_cached(
                "SELECT id, chat_key, received_at FROM updates WHERE state <> 0 AND state = 2 ORDER BY seq",
            )?
            .query_map([], |row| Ok((UpdateId(row.get(0)?), chat_key(row, 1)?, time(row.get(2)?))))?
            .collect::<rusqlite::Result<_>>()?;
        for (id, ..) in &revived {
            seq += 1;
            transaction.prepare_cached("UPDATE updates SET state = 0, seq = ?2 WHERE id = ?1")?.execute([id.0, seq])?;
        }
        transaction.commit()?;
        self.last_seq = seq;
        for (id, key, received_at) in &revived {
            lanes.push_kept(*key, *id, *received_at, None);
        }
        Ok(!revived.is_empty())
    }

    /// Whether another process has changed the file since this was asked last.
    pub(super) fn was_changed_outside(&mut self) -> rusqlite::Result<bool> {
        let version = self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        Ok(std::mem::replace(&mut self.outside_version, version) != version)
    }

    /// Ends dead updates without a trace of what was in them.
    pub(super) fn discard(&mut self, which: &Selection, now: Timestamp) -> rusqlite::Result<Vec<UpdateId>> {
        let ids = self.dead_ids(which)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for id in &ids {
            Settle::prepare(&transaction, now)?.end(UpdateId(*id), "discarded")?;
        }
        erase(&transaction)?;
        transaction.commit()?;
        Ok(ids.into_iter().map(UpdateId).collect())
    }

    fn dead_ids(&mut self, which: &Selection) -> rusqlite::Result<Vec<i64>> {
        let all = "SELECT id FROM updates WHERE state <> 0 AND state = 1 ORDER BY seq";
        let dead: Vec<i64> =
            self.connection.prepare_cached(all)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        Ok(dead.into_iter().filter(|id| which.includes(UpdateId(*id))).collect())
    }

    /// Forgets up to `step` updates that ended before `before`: ids grow with time but for Telegram's
    /// rare new beginnings, so the first that is too young ends the search.
    pub(super) fn forget(&mut self, before: Timestamp, step: usize) -> rusqlite::Result<usize> {
        self.connection
            .prepare_cached(
                "DELETE FROM ended WHERE id IN (SELECT id FROM ended ORDER BY id LIMIT ?1) AND ended_at < ?2",
            )?
            .execute(params![i64::try_from(step).unwrap_or(i64::MAX), millis(before)])
    }
}

/// What a statement says about an update that answers yes or no.
fn is(statement: &mut rusqlite::Statement<'_>, id: UpdateId) -> rusqlite::Result<bool> {
    statement.query_row([id.0], |row| row.get(0))
}
