//! Commits the requests of a batch in one transaction.

use rusqlite::{CachedStatement, Connection, Statement, TransactionBehavior, params};

use super::super::super::counts::Counts;
use super::super::super::millis::unix_millis;
use super::super::request::{Change, Recorded, Request};
use super::super::settle::{Settling, erase_ended};
use super::Store;
use crate::clock::{Clock, elapsed};
use crate::update::{Update, UpdateId};

/// How many updates may have ended before their rows are erased with the next commit. In quiet times they are erased
/// within a second.
const ERASE_AT: usize = 512;

// One row at a time and no conflict clause but IGNORE: SQLite then needs no statement journal.
const INSERT: &str = "
    INSERT OR IGNORE INTO updates (id, seq, kind, chat_key, received_at, expires_at, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const IS_OPEN: &str = "SELECT EXISTS (SELECT 1 FROM updates WHERE id = ?1)";
const HAS_ENDED: &str = "SELECT EXISTS (SELECT 1 FROM ended WHERE id = ?1)";

impl Store {
    /// Commits a batch and returns once it would survive a crash. At most `room` updates are stored. The results are in
    /// the order of the requests.
    pub(in crate::inbox::sqlite) fn commit(
        &mut self,
        requests: &[Request],
        room: usize,
        clock: &dyn Clock,
        counts: &Counts,
    ) -> rusqlite::Result<Vec<Recorded>> {
        let mut results = Vec::with_capacity(requests.len());
        if requests.is_empty() {
            return Ok(results);
        }
        let (now, mut lag) = (clock.steady(), self.lag);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (last_seq, highest_id, ended, died) = {
            let mut accepting = Accepting::prepare(&transaction, room, self.last_seq, self.highest_id)?;
            let mut settling = Settling::prepare(&transaction, now)?;
            for request in requests {
                results.push(match &request.change {
                    Change::Accept(update) => {
                        if let Some(sent_at) = update.sent_at {
                            lag.observe(sent_at, now);
                        }
                        accepting.accept(update)?
                    }
                    Change::Settle(lease, verdict) => {
                        settling.record(lease.update_id, verdict)?;
                        self.suspects.delete(&transaction, lease.update_id)?;
                        Recorded::Stored
                    }
                });
            }
            (accepting.last_seq, accepting.highest_id, settling.ended, settling.died)
        };
        lag.record(&transaction, clock)?;
        let erases = self.ended >= ERASE_AT;
        if erases {
            erase_ended(&transaction)?;
        }
        let written = clock.steady();
        transaction.commit()?;
        counts.sync_duration.observe(elapsed(written, clock.steady()).as_secs_f64());
        (self.last_seq, self.highest_id, self.lag) = (last_seq, highest_id, lag);
        self.ended = if erases { 0 } else { self.ended + ended };
        self.dead += died;
        for request in requests {
            if let Change::Settle(lease, _) = &request.change {
                self.suspects.forget(lease.update_id);
            }
        }
        Ok(results)
    }
}

/// The statements that store updates in a transaction.
struct Accepting<'a> {
    insert: CachedStatement<'a>,
    is_open: CachedStatement<'a>,
    has_ended: CachedStatement<'a>,
    room: usize,
    last_seq: i64,
    highest_id: i64,
    /// The highest id of earlier batches: no update beyond it has ended.
    highest_id_before: i64,
}

impl<'a> Accepting<'a> {
    fn prepare(connection: &'a Connection, room: usize, last_seq: i64, highest_id: i64) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: connection.prepare_cached(INSERT)?,
            is_open: connection.prepare_cached(IS_OPEN)?,
            has_ended: connection.prepare_cached(HAS_ENDED)?,
            room,
            last_seq,
            highest_id,
            highest_id_before: highest_id,
        })
    }

    fn accept(&mut self, update: &Update) -> rusqlite::Result<Recorded> {
        // Ids mostly grow from batch to batch: one beyond all earlier batches needs no look-up.
        if update.id.0 <= self.highest_id_before && exists(&mut self.has_ended, update.id)? {
            return Ok(Recorded::Known);
        }
        if self.room == 0 {
            return Ok(if exists(&mut self.is_open, update.id)? { Recorded::Known } else { Recorded::Full });
        }
        let inserted = self.insert.execute(params![
            update.id.0,
            self.last_seq + 1,
            update.kind.name(),
            update.chat_key.to_string(),
            unix_millis(update.received_at),
            unix_millis(update.expires_at),
            &update.body[..],
        ])?;
        if inserted == 0 {
            return Ok(Recorded::Known);
        }
        self.room -= 1;
        self.last_seq += 1;
        self.highest_id = self.highest_id.max(update.id.0);
        Ok(Recorded::Stored)
    }
}

/// The answer of a statement that asks whether the file has an id.
fn exists(statement: &mut Statement<'_>, id: UpdateId) -> rusqlite::Result<bool> {
    statement.query_row([id.0], |row| row.get(0))
}
