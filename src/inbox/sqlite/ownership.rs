//! Which process and which bot own the file, and how the previous process ended.

use std::fs::File;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::super::error::InboxError;
use super::super::millis::unix_millis;
use super::crash_suspects;
use super::settle::erase_ended;
use crate::telegram::BotId;

/// The ownership of the file by this process.
#[derive(Debug)]
pub(super) struct Ownership {
    /// The operating system ends the lock with the process, however it ends.
    _lock: File,
    /// Whether the previous process ended without [`Ownership::release`]: by a kill, a power cut, or an update that
    /// made it crash.
    pub(super) previous_crashed: bool,
}

impl Ownership {
    /// Takes the file, whose lock this process has, for this bot. If another bot has left nothing to be done, its known
    /// ids and its named values are forgotten: they say nothing about this bot.
    pub(super) fn acquire(
        connection: &mut Connection,
        lock: File,
        bot: BotId,
        now: Timestamp,
    ) -> rusqlite::Result<Result<Self, OtherBot>> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        erase_ended(&transaction)?;
        if let Some(owner) = owner(&transaction)?.filter(|owner| *owner != bot) {
            let updates = count_open(&transaction)?;
            if updates > 0 {
                return Ok(Err(OtherBot { bot: owner, updates }));
            }
            transaction.execute("DELETE FROM ended", [])?;
            transaction.execute("UPDATE service SET target = NULL, paused = NULL", [])?;
        }
        let (previous_crashed, lag): (bool, i64) =
            transaction.query_row("SELECT running, behind FROM service", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        crash_suspects::start(&transaction, previous_crashed)?;
        if lag > 0 {
            for statement in [CORRECT_OPEN, CORRECT_ENDED] {
                transaction.execute(statement, [lag, unix_millis(now)])?;
            }
        }
        transaction.execute("UPDATE service SET bot = ?1, running = 1, behind = 0", [bot.0])?;
        transaction.commit()?;
        Ok(Ok(Self { _lock: lock, previous_crashed }))
    }

    /// Records that this process ends in good order.
    pub(super) fn release(connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        crash_suspects::end(&transaction)?;
        transaction.execute("UPDATE service SET running = 0", [])?;
        transaction.commit()
    }
}

/// Moves times forward that were written with a clock that was behind; none beyond the present.
const CORRECT_OPEN: &str = "
    UPDATE updates SET
        received_at = max(received_at, min(received_at + ?1, ?2)),
        expires_at = max(received_at, min(received_at + ?1, ?2)) + expires_at - received_at";
const CORRECT_ENDED: &str = "
    UPDATE ended SET
        received_at = max(received_at, min(received_at + ?1, ?2)),
        ended_at = max(ended_at, min(ended_at + ?1, ?2))";

/// Another bot, whose updates are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtherBot {
    bot: BotId,
    updates: i64,
}

impl OtherBot {
    /// The other bot that keeps `bot` from using the file, if there is one.
    pub(super) fn find(connection: &Connection, bot: BotId) -> rusqlite::Result<Option<Self>> {
        let Some(owner) = owner(connection)?.filter(|owner| *owner != bot) else { return Ok(None) };
        let updates = count_open(connection)?;
        Ok((updates > 0).then_some(Self { bot: owner, updates }))
    }

    pub(super) fn unusable(self, path: &Path) -> InboxError {
        let Self { bot, updates } = self;
        InboxError::unusable(
            format!(
                "the inbox {} holds updates of another bot, number {bot} (waiting or dead-letter: {updates}); this bot must \
                 not answer them, and nothing here throws them away",
                path.display()
            ),
            "Give this bot a file of its own (DATABASE_URL=sqlite:other.db). Or end what the other bot left: start \
             it once more with its token, and `doorbell dead discard --all` its dead-letter updates; a file with \
             nothing left in it can be taken over.",
        )
    }
}

fn owner(connection: &Connection) -> rusqlite::Result<Option<BotId>> {
    // The first version of the file has no such table.
    let known: bool =
        connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'service'", [], |row| row.get(0))?;
    if !known {
        return Ok(None);
    }
    let owner: Option<Option<i64>> =
        connection.query_row("SELECT bot FROM service", [], |row| row.get(0)).optional()?;
    Ok(owner.flatten().map(BotId))
}

/// How many updates wait, are claimed or are dead-letter updates.
fn count_open(connection: &Connection) -> rusqlite::Result<i64> {
    let open = "SELECT count(*) FROM updates WHERE id NOT IN (SELECT id FROM settled)";
    connection.query_row(open, [], |row| row.get(0))
}
