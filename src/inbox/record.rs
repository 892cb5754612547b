//! An update as the operator sees it, and which of them an operator means.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::telegram::Call;
use crate::update::{Kind, UpdateId};

/// Where an update stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpdateState {
    /// Accepted, its turn to come. Claiming moves it on.
    Waiting,
    /// Claimed, an attempt under way. Settling moves it on, or the end of its lease.
    Held,
    /// Handled. Swept `keep_done` later.
    Done,
    /// Given up, with its body. Moves on only when the operator revives or discards it.
    Dead,
    /// Ended unhandled because its life was over. Swept `keep_done` later.
    Expired,
}

/// One update as the operator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Telegram's number for it.
    pub id: UpdateId,
    /// What it is about.
    pub kind: Kind,
    /// Whom it waits behind, as text.
    pub chat_key: String,
    /// Where it stands.
    pub state: UpdateState,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Attempts made that counted.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    /// Its body, where it is still kept; with U+FFFD in the place of what is not UTF-8.
    pub body: Option<String>,
    /// Calls that are still to be made.
    pub calls_left: Option<Vec<Call>>,
}

/// Which updates are meant: the dead ones, all or some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every dead update.
    All,
    /// Those of these ids that are dead.
    Ids(Vec<UpdateId>),
}

impl Selection {
    /// Whether an update is meant, if it is dead.
    #[must_use]
    pub fn includes(&self, id: UpdateId) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => ids.contains(&id),
        }
    }
}
