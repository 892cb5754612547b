//! Whose the file is, how whoever had it before has ended, and what it may have died of.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::super::InboxError;
use super::row::millis;
use super::settle::erase;
use crate::telegram::BotId;
use crate::update::UpdateId;

/// How whoever had the file before has let go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// In good order, or nobody had it.
    Ended,
    /// It died: by a kill, by a power cut, or of an update that it had in hand.
    Died,
}

/// Another bot, which has updates in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Other {
    bot: BotId,
    updates: i64,
}

impl Other {
    pub(super) fn unusable(self, path: &Path) -> InboxError {
        let Self { bot, updates } = self;
        InboxError::Unusable {
            message: format!(
                "the inbox {} keeps updates of another bot, number {bot} (waiting or dead: {updates}); this bot must not \
                 answer them, and nothing here throws them away",
                path.display()
            ),
            hint: "Give this bot a file of its own (DATABASE_URL=sqlite:other.db). Or end what the other one left: start \
                   it once more with its token, and `doorbell dead discard --all` what is dead; a file with nothing left \
                   in it is taken over."
                .to_owned(),
            source: None,
        }
    }
}

/// Takes the file for this process and this bot. Of another bot that left nothing to be done the
/// known ids are forgotten: they say nothing about this bot's.
pub(super) fn take(connection: &mut Connection, bot: BotId, now: Timestamp) -> rusqlite::Result<Result<Before, Other>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    erase(&transaction)?;
    if let Some(owner) = owner(&transaction)?.filter(|owner| *owner != bot) {
        let updates = left(&transaction)?;
        if updates > 0 {
            return Ok(Err(Other { bot: owner, updates }));
        }
        transaction.execute("DELETE FROM ended", [])?;
    }
    let died: bool = transaction.query_row("SELECT running FROM service", [], |row| row.get(0))?;
    transaction.execute("UPDATE suspects SET deaths = deaths + in_hand * ?1, in_hand = 0", [died])?;
    transaction.execute("DELETE FROM suspects WHERE id NOT IN (SELECT id FROM updates WHERE state = 0)", [])?;
    let behind: i64 = transaction.query_row("SELECT behind FROM service", [], |row| row.get(0))?;
    if behind > 0 {
        for statement in [MOVE_OPEN, MOVE_ENDED] {
            transaction.execute(statement, [behind, millis(now)])?;
        }
    }
    transaction.execute("UPDATE service SET bot = ?1, running = 1, behind = 0", [bot.0])?;
    transaction.commit()?;
    Ok(Ok(if died { Before::Died } else { Before::Ended }))
}

/// Moves times on that were written down with a clock that was behind; none beyond now.
const MOVE_OPEN: &str = "
    UPDATE updates SET
        received_at = max(received_at, min(received_at + ?1, ?2)),
        expires_at = max(received_at, min(received_at + ?1, ?2)) + expires_at - received_at";
const MOVE_ENDED: &str = "
    UPDATE ended SET
        received_at = max(received_at, min(received_at + ?1, ?2)),
        ended_at = max(ended_at, min(ended_at + ?1, ?2))";

/// Writes down by how much the times of this process are behind the true time.
pub(super) fn note_behind(connection: &Connection, behind: i64) -> rusqlite::Result<()> {
    connection.execute("UPDATE service SET behind = ?1", [behind]).map(drop)
}

/// The bot that would be in the way of this one.
pub(super) fn other(connection: &Connection, bot: BotId) -> rusqlite::Result<Option<Other>> {
    let Some(owner) = owner(connection)?.filter(|owner| *owner != bot) else { return Ok(None) };
    let updates = left(connection)?;
    Ok((updates > 0).then_some(Other { bot: owner, updates }))
}

fn owner(connection: &Connection) -> rusqlite::Result<Option<BotId>> {
    // A file of the first version has no such table.
    let known: bool =
        connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'service'", [], |row| row.get(0))?;
    if !known {
        return Ok(None);
    }
    let owner: Option<Option<i64>> =
        connection.query_row("SELECT bot FROM service", [], |row| row.get(0)).optional()?;
    Ok(owner.flatten().map(BotId))
}

/// Updates that somebody still has to do something about.
fn left(connection: &Connection) -> rusqlite::Result<i64> {
    let left = "SELECT count(*) FROM updates WHERE id NOT IN (SELECT id FROM settled)";
    connection.query_row(left, [], |row| row.get(0))
}

/// Lets go of the file in good order: nobody has anything in hand.
pub(super) fn let_go(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE; UPDATE suspects SET in_hand = 0; UPDATE service SET running = 0; COMMIT")
}

/// Writes down that these updates are in hand from now on.
pub(super) fn take_in_hand(transaction: &Transaction<'_>, ids: &[UpdateId]) -> rusqlite::Result<()> {
    let mut note = transaction.prepare_cached(
        "INSERT INTO suspects (id, in_hand, deaths) VALUES (?1, 1, 0) ON CONFLICT (id) DO UPDATE SET in_hand = 1",
    )?;
    ids.iter().try_for_each(|id| note.execute(params![id.0]).map(drop))
}

/// The process has not died of it.
pub(super) const CLEAR: &str = "DELETE FROM suspects WHERE id = ?1";
