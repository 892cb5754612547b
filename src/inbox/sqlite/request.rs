//! What the writer is asked to commit.

use super::super::delivery::{Accepted, Lease};
use super::super::verdict::Verdict;
use super::replies::PendingReply;
use crate::update::Update;

/// A change that must be durable before it is answered.
pub(super) enum Request {
    /// Store an update.
    Accept { update: Update, reply: PendingReply<Accepted> },
    /// Record how an attempt ended.
    Settle { lease: Lease, verdict: Verdict, reply: PendingReply<()> },
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
