//! Finds the update that crashes the process: it records claims, and the next start counts those that were not settled.
//!
//! An ordinary claim is not recorded, because that would cost a commit. After an unclean end, each update that waited
//! then is recorded before it is claimed. If the process crashes again, one of those was the cause.

use std::collections::HashSet;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::update::UpdateId;

/// The recorded claims of this process that are not settled: mostly none.
#[derive(Debug, Default)]
pub(super) struct CrashSuspects {
    claimed: HashSet<UpdateId>,
}

impl CrashSuspects {
    /// Records that these updates are claimed.
    pub(super) fn record_claims(&mut self, connection: &mut Connection, ids: Vec<UpdateId>) -> rusqlite::Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for id in &ids {
            transaction.prepare_cached(CLAIM)?.execute([id.0])?;
        }
        transaction.commit()?;
        self.claimed.extend(ids);
        Ok(())
    }

    /// Deletes the record of an update, whose attempt has ended. [`CrashSuspects::forget`] follows after the commit.
    pub(super) fn delete(&self, connection: &Connection, id: UpdateId) -> rusqlite::Result<()> {
        if self.claimed.contains(&id) {
            connection.prepare_cached("DELETE FROM suspects WHERE id = ?1")?.execute([id.0])?;
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, id: UpdateId) {
        if !self.claimed.is_empty() {
            self.claimed.remove(&id);
        }
    }
}

const CLAIM: &str =
    "INSERT INTO suspects (id, in_hand, deaths) VALUES (?1, 1, 0) ON CONFLICT (id) DO UPDATE SET in_hand = 1";

/// Starts a new process on the file: if the last one crashed, its recorded claims are counted as crashes.
pub(super) fn start(transaction: &Transaction<'_>, crashed: bool) -> rusqlite::Result<()> {
    transaction.execute("UPDATE suspects SET deaths = deaths + in_hand * ?1, in_hand = 0", [crashed])?;
    transaction.execute("DELETE FROM suspects WHERE id NOT IN (SELECT id FROM updates WHERE state = 0)", [])?;
    Ok(())
}

/// Ends this process on the file in good order: nothing is claimed.
pub(super) fn end(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("UPDATE suspects SET in_hand = 0", []).map(drop)
}
