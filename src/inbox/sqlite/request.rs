//! What the writer is asked to commit.

use tokio::sync::oneshot;

use super::super::delivery::Lease;
use super::super::error::InboxError;
use super::super::verdict::Verdict;
use crate::update::Update;

/// A change that must be durable before it is answered.
pub(super) struct Request {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<Recorded, InboxError>>,
}

pub(super) enum Change {
    /// Store an update.
    Accept(Update),
    /// Record how an attempt ended.
    Settle(Lease, Verdict),
}

/// What a commit did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// The change is in the file.
    Stored,
    /// The file has an update of that id already.
    Known,
    /// The inbox was full.
    Full,
}
