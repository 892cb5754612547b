//! The types that an inbox and its callers exchange: the answer to an accepted update, a delivery, and its lease.

use std::time::Duration;

use crate::telegram::Call;
use crate::update::{ChatKey, Update, UpdateId};

/// How long a claim lasts unless it is extended.
pub const LEASE: Duration = Duration::from_mins(1);

/// Updates that must be answered within this time are urgent.
pub const URGENT: Duration = Duration::from_secs(30);

/// The result of accepting an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored now.
    Stored,
    /// Its id was known already; nothing changed.
    Known,
}

/// Which updates a claim may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimable {
    /// Every update.
    Any,
    /// Updates that have been handled and whose calls are still to be made. They need no handler. An update that may have
    /// killed the process is not among them.
    CallsLeft,
    /// Updates that must be answered within [`URGENT`] of their arrival ([`Update::answer_within`]), while that is still
    /// possible. An update that may have killed the process is not among them. To wait for them costs a store nothing as
    /// long as there are none.
    Urgent,
}

/// A claimed update, to be handled.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The update.
    pub update: Update,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// Whether the operator has put the update back with [`Inbox::revive`](super::Inbox::revive).
    pub revived: bool,
    /// The right to settle it.
    pub lease: Lease,
    /// Calls that an earlier attempt could not make. If present, they are made and the handler does not run.
    pub calls_left: Option<Vec<Call>>,
    /// How many times in a row, as far as is known, the process died while it handled this update. The update may be
    /// the cause. An attempt that ends in any other way resets the count.
    pub crash_count: u32,
}

/// The right to settle one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The claimed update.
    pub update_id: UpdateId,
    /// Its key: updates of one key are handled one at a time.
    pub chat_key: ChatKey,
    /// The fencing token: a later delivery of the same update has a greater one.
    pub token: i64,
}
