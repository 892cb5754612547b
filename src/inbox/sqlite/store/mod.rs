//! The file: every statement that runs on it while the inbox is open.

mod commit;
mod dead_letters;
mod named_values;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::super::delivery::{Delivery, Lease};
use super::super::lanes::{Lanes, Stored};
use super::super::millis::unix_millis;
use super::super::sweeping::Step;
use super::clock_lag::ClockLag;
use super::crash_suspects::CrashSuspects;
use super::ownership::Ownership;
use super::row::{delivery, unreadable_reason, waiting};
use super::settle::{erase_ended, mark_unreadable};
use crate::clock::Clock;
use crate::update::UpdateId;

/// An open file, with its ownership if this process is the service.
pub(super) struct Store {
    connection: Connection,
    /// An operator's command has none.
    ownership: Option<Ownership>,
    suspects: CrashSuspects,
    lag: ClockLag,
    last_seq: i64,
    /// No id greater than this was ever in the file.
    highest_id: i64,
    /// SQLite's count of other processes' changes.
    data_version: i64,
    /// Whether there may be revived updates that are in no lane yet.
    has_revived: bool,
    /// The number of dead-letter updates.
    dead: usize,
    /// How many updates have ended since [`erase_ended`] ran.
    ended: usize,
}

const HIGHEST_ID: &str = "
    SELECT max(coalesce((SELECT max(id) FROM updates), 0), coalesce((SELECT max(id) FROM ended), 0))";
const WAITING: &str = "
    SELECT id, chat_key, received_at, due_at, deaths, wait, calls_left IS NOT NULL, kind
    FROM updates LEFT JOIN suspects USING (id) WHERE state = 0 ORDER BY seq";
const LOAD: &str = "
    SELECT id, kind, chat_key, received_at, expires_at, attempts, reason, calls_left, body, revived
    FROM updates WHERE id = ?1";

/// What the file has of a claimed update.
pub(super) enum Loaded {
    Found(Delivery),
    /// The row cannot be read, for this reason.
    Unreadable(String),
    Missing,
}

impl Store {
    pub(super) fn new(connection: Connection, ownership: Option<Ownership>) -> rusqlite::Result<Self> {
        let number = |statement| connection.query_row(statement, [], |row| row.get(0));
        let last_seq = number("SELECT coalesce(max(seq), 0) FROM updates")?;
        let (highest_id, data_version) = (number(HIGHEST_ID)?, number("PRAGMA data_version")?);
        let mut store = Self {
            connection,
            ownership,
            suspects: CrashSuspects::default(),
            lag: ClockLag::default(),
            last_seq,
            highest_id,
            data_version,
            has_revived: true,
            dead: 0,
            ended: 0,
        };
        store.count_dead()?;
        Ok(store)
    }

    /// Whether this process owns the file, and so its lanes.
    pub(super) fn is_owner(&self) -> bool {
        self.ownership.is_some()
    }

    /// Puts every update that waits into its lane. If the previous process crashed, any of them may be the cause.
    pub(super) fn restore(&mut self, lanes: &mut Lanes, now: Timestamp) -> rusqlite::Result<()> {
        let crashed = self.ownership.as_ref().is_some_and(|ownership| ownership.previous_crashed);
        let mut unreadable = Vec::new();
        {
            let mut statement = self.connection.prepare(WAITING)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                match waiting(row, now) {
                    Ok(stored) => {
                        let crash_count = stored.crash_count.or(crashed.then_some(0));
                        lanes.push_stored(Stored { crash_count, ..stored });
                    }
                    Err(error) => unreadable.push((UpdateId(row.get(0)?), unreadable_reason(&error).ok_or(error)?)),
                }
            }
        }
        mark_unreadable(&self.connection, &unreadable)?;
        self.count_dead().map(drop)
    }

    /// The number of dead-letter updates.
    pub(super) fn dead(&self) -> usize {
        self.dead
    }

    /// Reads claimed updates, in the order given. Those that have a crash count may have killed the process: their
    /// claims are recorded first.
    pub(super) fn load(&mut self, claimed: &[(Lease, Option<u32>)]) -> rusqlite::Result<Vec<Loaded>> {
        let suspects = claimed.iter().filter(|(_, crash_count)| crash_count.is_some());
        let suspects = suspects.map(|(lease, _)| lease.update_id).collect();
        self.suspects.record_claims(&mut self.connection, suspects)?;
        let mut load = self.connection.prepare_cached(LOAD)?;
        let mut read = |lease: Lease, crash_count| match load
            .query_row([lease.update_id.0], |row| delivery(row, lease, crash_count))
            .optional()
        {
            Ok(found) => Ok(found.map_or(Loaded::Missing, Loaded::Found)),
            Err(error) => unreadable_reason(&error).map(Loaded::Unreadable).ok_or(error),
        };
        claimed.iter().map(|(lease, crash_count)| read(*lease, crash_count.unwrap_or(0))).collect()
    }

    /// Erases what is left of updates that have ended.
    pub(super) fn erase(&mut self) -> rusqlite::Result<()> {
        if self.ended > 0 {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            erase_ended(&transaction)?;
            transaction.commit()?;
            self.ended = 0;
        }
        Ok(())
    }

    /// Writes down how far the file's times are behind, if that has changed.
    pub(super) fn record_clock_lag(&mut self, clock: &dyn Clock) -> rusqlite::Result<()> {
        self.lag.record(&self.connection, clock)
    }

    /// Gives up the ownership of the file, if this process has it.
    pub(super) fn release(&mut self, clock: &dyn Clock) -> rusqlite::Result<()> {
        if self.is_owner() {
            self.record_clock_lag(clock)?;
            Ownership::release(&mut self.connection)?;
        }
        Ok(())
    }

    /// Makes a write that changes nothing, to see whether a commit would succeed now.
    pub(super) fn probe_write(&mut self) -> rusqlite::Result<()> {
        let version: i64 = self.connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()
    }

    /// Of the next `limit` known ids from `from` on, forgets those whose updates ended before `before`.
    pub(super) fn forget(&mut self, from: i64, before: Timestamp, limit: i64) -> rusqlite::Result<Step> {
        let found = "SELECT count(*), max(id) FROM (SELECT id FROM ended WHERE id >= ?1 ORDER BY id LIMIT ?2)";
        let (ended, last): (u64, Option<i64>) = self
            .connection
            .prepare_cached(found)?
            .query_row([from, limit], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?;
        let Some(last_id) = last else { return Ok(Step { last, forgotten: 0, young: 0 }) };
        let forgotten = self
            .connection
            .prepare_cached("DELETE FROM ended WHERE id BETWEEN ?1 AND ?2 AND ended_at < ?3")?
            .execute([from, last_id, unix_millis(before)])? as u64;
        Ok(Step { last, forgotten, young: ended - forgotten })
    }
}
