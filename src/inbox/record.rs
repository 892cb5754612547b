//! An update as the operator sees it, and the operator's selection of updates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::telegram::Call;
use crate::update::{Kind, UpdateId};

/// The state of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpdateState {
    /// Accepted. A claim moves it on.
    Waiting,
    /// Claimed. The verdict moves it on, or the end of its lease.
    Held,
    /// Handled. A sweep forgets it `keep_done` later.
    Done,
    /// A dead-letter update: given up, with its body. It moves on only when the operator revives or discards it.
    Dead,
    /// Its lifetime ended before it was handled. A sweep forgets it `keep_done` later.
    Expired,
    /// A dead-letter update that the operator discarded or the memory store dropped, or one that waited when your own bot
    /// asked to drop those. A sweep forgets it `keep_done` later.
    Discarded,
}

/// One update as the operator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Telegram's `update_id`.
    pub id: UpdateId,
    /// The kind, such as `message`.
    pub kind: Kind,
    /// Its key, as text: updates of one key are handled one at a time. SQLite erases it when the update has ended: it is
    /// empty then.
    pub chat_key: String,
    /// Its state.
    pub state: UpdateState,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// When Telegram would have stopped delivering it: it is not handled after that. `None` if this is not kept.
    pub expires_at: Option<Timestamp>,
    /// When its next attempt may start, if it waits for that after a failure.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was done, expired or was discarded.
    pub ended_at: Option<Timestamp>,
    /// How many attempts counted. SQLite does not keep this when the update has ended: it is 0 then.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    /// Its body, if it is still stored. U+FFFD replaces what is not UTF-8.
    pub body: Option<String>,
    /// Calls that are still to be made.
    pub calls_left: Option<Vec<Call>>,
}

/// A selection of dead-letter updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those with these ids.
    Ids(Vec<UpdateId>),
    /// Those that were given up for exactly this reason.
    Reason(String),
}

impl Selection {
    /// Whether the selection includes a dead-letter update of this id and this reason.
    #[must_use]
    pub fn includes(&self, id: UpdateId, reason: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => ids.contains(&id),
            Self::Reason(wanted) => reason == Some(wanted),
        }
    }
}
