//! How many updates an inbox holds, and what an inspection of its storage finds.

use jiff::Timestamp;
use serde::Serialize;

/// The contents of an inbox, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// Updates that wait to be claimed.
    pub waiting: u64,
    /// Claimed updates.
    pub held: u64,
    /// Dead-letter updates.
    pub dead: u64,
    /// Whether another update would be refused.
    pub full: bool,
    /// When the oldest update that waits or is claimed was accepted.
    pub oldest: Option<Timestamp>,
}

/// What [`inspect`](super::inspect) finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspection {
    /// A running service owns the inbox.
    InUse(Survey),
    /// A service could start on it.
    Free(Survey),
    /// It does not exist yet; a service would create it.
    Missing,
    /// Only the running service can say: the inbox is in its memory, or in a database that many share.
    ServiceOnly,
}
