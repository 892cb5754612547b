//! Answers the requests of a batch.

use tokio::sync::oneshot;

use super::super::delivery::Accepted;
use super::super::error::InboxError;

/// The channel on which a request is answered.
pub(super) type PendingReply<T> = oneshot::Sender<Result<T, InboxError>>;

/// A reply that is sent when the whole batch has been applied.
pub(super) enum ReadyReply {
    Accepted(PendingReply<Accepted>, Result<Accepted, InboxError>),
    Settled(PendingReply<()>, Result<(), InboxError>),
}

impl ReadyReply {
    pub(super) fn send(self) {
        // A request whose client has gone away is not waiting any more; the change is in the file.
        match self {
            Self::Accepted(reply, outcome) => drop(reply.send(outcome)),
            Self::Settled(reply, outcome) => drop(reply.send(outcome)),
        }
    }
}
