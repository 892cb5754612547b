//! What the operator's pages read from an inbox: pages of updates, one update, chats held back, and dead-letter updates
//! by reason.
//!
//! No reading delays an acknowledgement: it looks at a bounded number of updates, and does not use what a commit needs.

mod page;
mod summary;

use async_trait::async_trait;

use super::error::InboxError;
use super::record::Record;
use crate::update::UpdateId;

pub use page::{Cursor, Filter, NotACursor, Page};
pub(super) use page::{SCAN, Search};
pub use summary::{DeadGroup, HeldBack, StateCounts};

/// Reads an inbox for the operator.
///
/// The process that runs the service sees everything. An operator's command that opens the SQLite file of a running
/// service sees claimed updates as waiting, and no chats held back: who has claimed what is in the memory of the service.
#[async_trait]
pub trait Browse: Send + Sync {
    /// Up to `limit` updates that the filter selects, the newest first, after those of earlier pages. `before` is the
    /// [`Page::next`] of the page before, with the same filter.
    ///
    /// *Newest* is by Telegram's number of the update, which grows with time. It never changes, so an update is on at most
    /// one page, and updates that arrive meanwhile move no other to another page. No record has a body or calls.
    async fn page(&self, filter: &Filter, before: Option<Cursor>, limit: usize) -> Result<Page, InboxError>;

    /// The update of this id in any state, with its body and calls if they are still stored. `None` if the store does not
    /// know it. The memory store knows what it ended lately.
    async fn find(&self, id: UpdateId) -> Result<Option<Record>, InboxError>;

    /// How many updates there are in each state.
    async fn count_by_state(&self) -> Result<StateCounts, InboxError>;

    /// Up to `limit` chats in which more than the first update waits, or whose first update has failed; the chat that has
    /// waited longest first. If very many chats wait, they are searched among those that were ready first, those that are
    /// claimed and those that wait for an attempt.
    async fn held_back(&self, limit: usize) -> Result<Vec<HeldBack>, InboxError>;

    /// The dead-letter updates, grouped by their reason, the largest group first. At most `limit` groups.
    /// [`Selection::Reason`](super::Selection::Reason) selects the updates of a group.
    async fn dead_by_reason(&self, limit: usize) -> Result<Vec<DeadGroup>, InboxError>;
}
