//! The contract of every store.

use async_trait::async_trait;

use super::browse::Browse;
use super::delivery::{Accepted, Claimable, Delivery, Lease};
use super::error::InboxError;
use super::record::{Record, Selection};
use super::stored::Stored;
use super::survey::Survey;
use super::verdict::Verdict;
use crate::update::{Update, UpdateId};

/// Stores updates. Each store keeps every promise written here; one suite of tests runs against all of them.
#[async_trait]
pub trait Inbox: Browse {
    /// Returns once the update would survive a crash, or its id is known already.
    ///
    /// An id is known if an update with it was accepted within the last `keep_done`, independent of the
    /// update's later status.
    ///
    /// # Errors
    ///
    /// The update is not stored and must not be acknowledged.
    async fn accept(&self, update: Update) -> Result<Accepted, InboxError>;

    /// Returns when a claim of these updates may find something. The future can be dropped at any time.
    async fn ready(&self, which: Claimable);

    /// Claims up to `limit` of these updates that are ready, each under a lease of [`LEASE`](super::LEASE).
    ///
    /// At most one update of a chat is claimed at a time, over all instances, in the order of acceptance. An update
    /// that this instance still handles, as [`Inbox::extend`] reports it, is not claimed here again. An update that
    /// cannot be read becomes a dead-letter update and does not affect others. The call never waits for new updates.
    async fn claim(&self, limit: usize, which: Claimable) -> Result<Vec<Delivery>, InboxError>;

    /// Records how an attempt ended, durably, and ends the lease.
    ///
    /// # Errors
    ///
    /// [`InboxError::LeaseLost`] if the lease had ended and the update was claimed again: nothing is recorded then.
    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError>;

    /// Extends these leases to a full [`LEASE`](super::LEASE) from now. The caller names all leases of attempts that
    /// run here, and no others. Leases that were lost are ignored.
    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError>;

    /// Counts the updates in the inbox.
    async fn survey(&self) -> Result<Survey, InboxError>;

    /// The selected dead-letter updates, the oldest first, at most `limit`.
    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError>;

    /// Puts the selected dead-letter updates back to waiting and returns their ids. Each goes to the end of its chat's
    /// queue, with no attempts counted and a new lifetime as long as its first. Its deliveries say that it was revived. Of two
    /// concurrent calls, one gets each update.
    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError>;

    /// Erases the selected dead-letter updates permanently and returns their ids. The ids stay known.
    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError>;

    /// Drops the updates that wait, durably, and returns their number: their bodies are erased and their ids stay known.
    /// Claimed updates, dead-letter updates and updates with calls that are still to be made stay. An update that is
    /// accepted after the call stays too.
    async fn drop_waiting(&self) -> Result<u64, InboxError>;

    /// Stores a named value durably, in place of the one before: a short text that the store does not read.
    async fn save(&self, which: Stored, value: &str) -> Result<(), InboxError>;

    /// The value that was stored last, also by an earlier process or another instance. `None` if there is none. The
    /// memory store has only those of its own process.
    async fn load(&self, which: Stored) -> Result<Option<String>, InboxError>;

    /// Puts updates whose leases have ended back to waiting. Forgets, in bounded steps, the ids of updates that ended
    /// more than `keep_done` ago.
    async fn sweep(&self) -> Result<(), InboxError>;
}
