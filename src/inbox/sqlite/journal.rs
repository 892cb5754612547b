//! The file: every statement that is run on it.

mod dead;

use std::collections::HashSet;
use std::fs::File;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::super::Counts;
use super::super::lanes::Lanes;
use super::super::sweeping::Step;
use super::row::{Kept, chat_key, fault, kept, millis, time};
use super::settle::{Settle, erase};
use super::tenure::{self, Before};
use super::writer::Job;
use crate::clock::{Clock, elapsed, later};
use crate::update::{ChatKey, UpdateId};
use dead::set_aside;

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
    /// Whether there may be revived updates that nobody has lined up.
    revived: bool,
    /// How many updates are dead.
    dead: usize,
    /// By how many milliseconds our times are behind the true time: as far as Telegram's dates show it, and as
    /// it was last written down.
    behind: i64,
    noted_behind: i64,
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
const WAITING: &str = "
    SELECT id, chat_key, received_at, due_at, deaths, wait FROM updates LEFT JOIN suspects USING (id)
    WHERE state = 0 ORDER BY seq";
/// How far our times may be behind what is written down, in milliseconds.
const BEHIND: i64 = 1_000;
const LOAD: &str = "
    SELECT id, kind, chat_key, received_at, expires_at, attempts, reason, calls_left, body FROM updates WHERE id = ?1";

impl Journal {
    /// The file, with the lock of whoever owns it.
    pub(super) fn new(connection: Connection, owned: Option<(File, Before)>) -> rusqlite::Result<Self> {
        let last_seq = connection.query_row("SELECT coalesce(max(seq), 0) FROM updates", [], |row| row.get(0))?;
        let highest_id = connection.query_row(HIGHEST_ID, [], |row| row.get(0))?;
        let outside_version = connection.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        let (lock, before) = owned.map_or((None, Before::Ended), |(lock, before)| (Some(lock), before));
        let mut journal = Self {
            connection,
            last_seq,
            highest_id,
            outside_version,
            revived: true,
            dead: 0,
            behind: 0,
            noted_behind: 0,
            spent: 0,
            in_hand: HashSet::new(),
            lock,
            before,
        };
        journal.count_dead()?;
        Ok(journal)
    }

    /// Whether this process owns the file, and so its order of work.
    pub(super) fn is_owner(&self) -> bool {
        self.lock.is_some()
    }

    /// Lines up every update that waits, as an earlier process left them. If that one died, it may
    /// have died of any of them.
    pub(super) fn restore(&mut self, lanes: &mut Lanes, now: Timestamp) -> rusqlite::Result<()> {
        let died = (self.before == Before::Died).then_some(0);
        let mut faulty = Vec::new();
        {
            let mut waiting = self.connection.prepare(WAITING)?;
            let mut rows = waiting.query([])?;
            while let Some(row) = rows.next()? {
                let id = UpdateId(row.get(0)?);
                match waits(row, now) {
                    Ok((key, received_at, due_at, deaths)) => match deaths.or(died) {
                        Some(deaths) => lanes.push_unsure(key, id, received_at, due_at, deaths),
                        None => lanes.push_kept(key, id, received_at, due_at),
                    },
                    Err(error) => faulty.push((id, fault(&error).ok_or(error)?)),
                }
            }
        }
        set_aside(&self.connection, &faulty)?;
        self.count_dead().map(drop)
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
        let mut behind = self.behind;
        let (ended, buried) = {
            let mut insert = transaction.prepare_cached(INSERT)?;
            let mut is_open = transaction.prepare_cached(IS_OPEN)?;
            let mut has_ended = transaction.prepare_cached(HAS_ENDED)?;
            let now = clock.steady();
            let mut settle = Settle::prepare(&transaction, now)?;
            for job in jobs {
                if let Job::Accept { update, .. } = job
                    && let Some(sent_at) = update.sent_at
                {
                    behind = behind.max(millis(sent_at) - millis(now));
                }
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
            (settle.ended, settle.buried)
        };
        if behind - self.noted_behind > BEHIND {
            tenure::note_behind(&transaction, behind)?;
        }
        if erasing {
            erase(&transaction)?;
        }
        let written = clock.steady();
        transaction.commit()?;
        counts.sync_duration.observe(elapsed(written, clock.steady()).as_secs_f64());
        self.spent = if erasing { 0 } else { self.spent + ended };
        (self.last_seq, self.highest_id) = (seq, highest_id);
        (self.behind, self.dead) = (behind, self.dead + buried);
        if behind - self.noted_behind > BEHIND {
            self.noted_behind = behind;
        }
        if !self.in_hand.is_empty() {
            for job in jobs {
                if let Job::Settle { lease, .. } = job {
                    self.in_hand.remove(&lease.update_id);
                }
            }
        }
        Ok(entries)
    }

    /// Writes down by how much the clock shows that our times are behind, or Telegram's dates do, if that has
    /// changed.
    pub(super) fn look_at_the_clock(&mut self, clock: &dyn Clock) -> rusqlite::Result<()> {
        let behind = self.behind.max(millis(clock.now()) - millis(clock.steady())).max(0);
        if (behind - self.noted_behind).abs() > BEHIND {
            tenure::note_behind(&self.connection, behind)?;
            self.noted_behind = behind;
        }
        Ok(())
    }

    /// How many updates are dead.
    pub(super) fn dead(&self) -> usize {
        self.dead
    }

    /// Lets go of the file in good order, if it is ours.
    pub(super) fn let_go(&mut self, clock: &dyn Clock) -> rusqlite::Result<()> {
        if !self.is_owner() {
            return Ok(());
        }
        self.look_at_the_clock(clock)?;
        tenure::let_go(&self.connection)
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

    /// Reads claimed updates back, in their order; none for one that is not there, and of one that cannot be
    /// read what is wrong with it. Those that a process may have died of, which are marked, are written down
    /// as being in hand first.
    pub(super) fn load(&mut self, claimed: &[(UpdateId, bool)]) -> rusqlite::Result<Vec<Option<Result<Kept, String>>>> {
        let unsure: Vec<UpdateId> = claimed.iter().filter(|(_, unsure)| *unsure).map(|(id, _)| *id).collect();
        if !unsure.is_empty() {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tenure::take_in_hand(&transaction, &unsure)?;
            transaction.commit()?;
            self.in_hand.extend(unsure);
        }
        let mut load = self.connection.prepare_cached(LOAD)?;
        let mut read = |id: UpdateId| match load.query_row([id.0], kept).optional() {
            Ok(kept) => Ok(kept.map(Ok)),
            Err(error) => fault(&error).map(|fault| Some(Err(fault))).ok_or(error),
        };
        claimed.iter().map(|(id, _)| read(*id)).collect()
    }

    /// Writes what changes nothing, to see whether a commit would succeed now.
    pub(super) fn try_to_write(&mut self) -> rusqlite::Result<()> {
        let version: i64 = self.connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()
    }

    /// Forgets, of up to `step` updates from the id `from` on, those that ended before `before`.
    pub(super) fn forget(&mut self, from: i64, before: Timestamp, step: i64) -> rusqlite::Result<Step> {
        let looked_at = "SELECT count(*), max(id) FROM (SELECT id FROM ended WHERE id >= ?1 ORDER BY id LIMIT ?2)";
        let (ended, last): (u64, Option<i64>) = self
            .connection
            .prepare_cached(looked_at)?
            .query_row([from, step], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?;
        let Some(last_id) = last else { return Ok(Step { last, forgotten: 0, young: 0 }) };
        let forgotten = self
            .connection
            .prepare_cached("DELETE FROM ended WHERE id BETWEEN ?1 AND ?2 AND ended_at < ?3")?
            .execute([from, last_id, millis(before)])? as u64;
        Ok(Step { last, forgotten, young: ended - forgotten })
    }
}

/// Whom an update waits behind, when it arrived, when it may be given out, and how often a process died that
/// had it in hand. It waits no longer than it was to wait when that was written down.
type Waits = (ChatKey, Timestamp, Option<Timestamp>, Option<u32>);

fn waits(row: &rusqlite::Row<'_>, now: Timestamp) -> rusqlite::Result<Waits> {
    let (due_at, wait): (i64, u64) = (row.get(3)?, row.get::<_, i64>(5)?.cast_unsigned());
    let due_at = (due_at > 0).then(|| time(due_at).min(later(now, std::time::Duration::from_millis(wait))));
    Ok((chat_key(row, 1)?, time(row.get(2)?), due_at, row.get(4)?))
}

/// What a statement says about an update that answers yes or no.
fn is(statement: &mut rusqlite::Statement<'_>, id: UpdateId) -> rusqlite::Result<bool> {
    statement.query_row([id.0], |row| row.get(0))
}
