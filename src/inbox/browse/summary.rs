//! Updates counted and grouped.

use jiff::Timestamp;
use serde::Serialize;

use super::super::record::UpdateState;
use crate::update::{Kind, UpdateId};

/// How many updates there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StateCounts {
    /// Updates that wait to be claimed.
    pub waiting: u64,
    /// Claimed updates.
    pub held: u64,
    /// Dead-letter updates.
    pub dead: u64,
    /// Updates that were handled and whose ids are kept. `None` if they are too many to count.
    pub done: Option<u64>,
    /// Updates whose lifetime ended, and whose ids are kept. `None` like `done`.
    pub expired: Option<u64>,
}

/// A chat in which updates wait behind another, or whose first update has failed.
#[derive(Clone, Debug, Serialize)]
pub struct HeldBack {
    /// The key of the chat, as text.
    pub chat_key: String,
    /// The chat's updates that wait or are claimed, the first one included. PostgreSQL counts up to 1,000.
    pub waiting: u64,
    /// The first update: no other of the chat is handled before it has ended.
    pub head: UpdateId,
    /// The kind of the first update.
    pub head_kind: Kind,
    /// Whether the first update waits or is claimed.
    pub head_state: UpdateState,
    /// When the first update was accepted.
    pub since: Timestamp,
    /// When its next attempt may start. `None` if it may start now, or is running.
    pub until: Option<Timestamp>,
    /// How many of its attempts counted.
    pub attempts: u32,
    /// Why its last attempt failed. `None` if none has failed.
    pub reason: Option<String>,
}

/// The dead-letter updates that were given up for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadGroup {
    /// The reason.
    pub reason: String,
    /// How many there are.
    pub count: u64,
    /// When the oldest of them was accepted.
    pub oldest: Timestamp,
    /// When the newest of them was accepted.
    pub newest: Timestamp,
    /// One of them: that with the highest id.
    pub example: UpdateId,
}
