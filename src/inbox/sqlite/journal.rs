//! The file: every statement that is run on it.

use std::fs::File;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, TransactionBehavior, params};

use super::super::lanes::Lanes;
use super::super::{Record, Selection, UpdateState, Verdict};
use super::writer::Job;
use crate::telegram::Call;
use crate::update::{ChatKey, Kind, Update, UpdateId};

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

/// An update as the file has it.
pub(super) struct Kept {
    pub(super) update: Update,
    pub(super) attempts: u32,
    pub(super) calls_left: Option<Vec<Call>>,
}

/// The file and the lock that makes it ours.
pub(super) struct Journal {
    connection: Connection,
    last_seq: i64,
    /// What SQLite counts of other processes' changes.
    outside_version: i64,
    /// The lock ends with the process, however it ends. A visitor has none.
    lock: Option<File>,
}

const INSERT: &str = "
    INSERT INTO updates (id, seq, kind, chat_key, received_at, expires_at, body)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM ended WHERE id = ?1)
    ON CONFLICT (id) DO NOTHING";
const KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM updates WHERE id = ?1) OR EXISTS (SELECT 1 FROM ended WHERE id = ?1)";
const END: &str = "
    INSERT OR REPLACE INTO ended (id, kind, received_at, ended_at, outcome)
    SELECT id, kind, received_at, ?2, ?3 FROM updates WHERE id = ?1";
const DELETE: &str = "DELETE FROM updates WHERE id = ?1";
const AGAIN: &str = "
    UPDATE updates SET due_at = ?2, reason = ?3, attempts = attempts + ?4, calls_left = coalesce(?5, calls_left)
    WHERE id = ?1";
const BURY: &str = "UPDATE updates SET state = 1, attempts = attempts + 1, reason = ?2 WHERE id = ?1";
const REVIVE: &str = "
    UPDATE updates SET state = 2, attempts = 0, due_at = 0, reason = NULL, expires_at = ?2 + expires_at - received_at
    WHERE id = ?1";
const LOAD: &str = "
    SELECT id, kind, chat_key, received_at, expires_at, attempts, reason, calls_left, body FROM updates WHERE id = ?1";
const LIST: &str = "
    SELECT id, kind, chat_key, received_at, expires_at, attempts, reason, calls_left, body FROM updates
    WHERE state = 1 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2))) ORDER BY seq LIMIT ?1";

impl Journal {
    pub(super) fn new(connection: Connection, lock: Option<File>) -> rusqlite::Result<Self> {
        let last_seq = connection.query_row("SELECT coalesce(max(seq), 0) FROM updates", [], |row| row.get(0))?;
        let outside_version = connection.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        Ok(Self { connection, last_seq, outside_version, lock })
    }

    /// Whether this process owns the file, and so its order of work.
    pub(super) fn is_owner(&self) -> bool {
        self.lock.is_some()
    }

    /// Lines up every update that waits, as an earlier process left them.
    pub(super) fn restore(&mut self, lanes: &mut Lanes) -> rusqlite::Result<()> {
        let mut waiting = self
            .connection
            .prepare("SELECT id, chat_key, received_at, due_at FROM updates WHERE state = 0 ORDER BY seq")?;
        let mut rows = waiting.query([])?;
        while let Some(row) = rows.next()? {
            let due_at: i64 = row.get(3)?;
            let due_at = (due_at > 0).then(|| time(due_at));
            lanes.push_kept(chat_key(row, 1)?, UpdateId(row.get(0)?), time(row.get(2)?), due_at);
        }
        Ok(())
    }

    /// Commits a batch; returns once it would survive a crash. Up to `room` updates are stored.
    pub(super) fn commit(&mut self, jobs: &[Job], room: usize, now: Timestamp) -> rusqlite::Result<Vec<Entry>> {
        let mut entries = Vec::with_capacity(jobs.len());
        if jobs.iter().all(|job| matches!(job, Job::Run(_))) {
            entries.resize(jobs.len(), Entry::Stored);
            return Ok(entries);
        }
        let (mut stored, mut seq) = (0, self.last_seq);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            let mut known = transaction.prepare_cached(KNOWN)?;
            let mut settle = Settle {
                end: transaction.prepare_cached(END)?,
                delete: transaction.prepare_cached(DELETE)?,
                again: transaction.prepare_cached(AGAIN)?,
                bury: transaction.prepare_cached(BURY)?,
                now: millis(now),
            };
            for job in jobs {
                entries.push(match job {
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
                        if new > 0 { Entry::Stored } else { Entry::Known }
                    }
                    Job::Accept { update, .. } => {
                        let known: bool = known.query_row([update.id.0], |row| row.get(0))?;
                        if known { Entry::Known } else { Entry::Refused }
                    }
                    Job::Settle { lease, verdict, .. } => {
                        settle.record(lease.update_id, verdict)?;
                        Entry::Stored
                    }
                    Job::Run(_) => Entry::Stored,
                });
            }
        }
        transaction.commit()?;
        self.last_seq = seq;
        Ok(entries)
    }

    /// Reads updates back, in the order of the ids; none for one that is not there.
    pub(super) fn load(&mut self, ids: &[UpdateId]) -> rusqlite::Result<Vec<Option<Kept>>> {
        let mut load = self.connection.prepare_cached(LOAD)?;
        ids.iter().map(|id| load.query_row([id.0], kept).optional()).collect()
    }

    /// How many updates are dead.
    pub(super) fn count_dead(&mut self) -> rusqlite::Result<u64> {
        let count = "SELECT count(*) FROM updates WHERE state = 1";
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
            .prepare_cached("SELECT id, chat_key, received_at FROM updates WHERE state = 2 ORDER BY seq")?
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
            transaction.prepare_cached(END)?.execute(params![id, millis(now), "discarded"])?;
            transaction.prepare_cached(DELETE)?.execute([id])?;
        }
        transaction.commit()?;
        Ok(ids.into_iter().map(UpdateId).collect())
    }

    fn dead_ids(&mut self, which: &Selection) -> rusqlite::Result<Vec<i64>> {
        let all = "SELECT id FROM updates WHERE state = 1 ORDER BY seq";
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

/// The statements that record a verdict.
struct Settle<'a> {
    end: rusqlite::CachedStatement<'a>,
    delete: rusqlite::CachedStatement<'a>,
    again: rusqlite::CachedStatement<'a>,
    bury: rusqlite::CachedStatement<'a>,
    now: i64,
}

impl Settle<'_> {
    fn record(&mut self, id: UpdateId, verdict: &Verdict) -> rusqlite::Result<()> {
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

    fn end(&mut self, id: UpdateId, outcome: &str) -> rusqlite::Result<()> {
        self.end.execute(params![id.0, self.now, outcome])?;
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

/// Milliseconds of Unix time, as the file has times.
fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

fn chat_key(row: &Row<'_>, column: usize) -> rusqlite::Result<ChatKey> {
    row.get_ref(column)?.as_str()?.parse().map_err(|error| unreadable(column, error))
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let calls_left: Option<String> = row.get(7)?;
    let calls_left = calls_left.map(|calls| serde_json::from_str(&calls)).transpose();
    Ok(Kept {
        update: Update {
            id: UpdateId(row.get(0)?),
            kind: Kind::named(row.get_ref(1)?.as_str()?),
            chat_key: chat_key(row, 2)?,
            received_at: time(row.get(3)?),
            expires_at: time(row.get(4)?),
            body: Bytes::copy_from_slice(row.get_ref(8)?.as_blob()?),
        },
        attempts: row.get(5)?,
        calls_left: calls_left.map_err(|error| unreadable(7, error))?,
    })
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let kept = kept(row)?;
    Ok(Record {
        id: kept.update.id,
        kind: kept.update.kind,
        chat_key: kept.update.chat_key.to_string(),
        state: UpdateState::Dead,
        received_at: kept.update.received_at,
        attempts: kept.attempts,
        reason: row.get(6)?,
        body: Some(String::from_utf8_lossy(&kept.update.body).into_owned()),
        calls_left: kept.calls_left,
    })
}
