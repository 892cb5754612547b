//! Sends the results of requests to the tasks that wait for them.
//!
//! To wake a task from the writer's thread may cost two changes of threads. So the writer wakes one task of a batch,
//! and that task wakes the others.

use std::mem;

use tokio::sync::oneshot;

use super::super::delivery::Accepted;
use super::super::error::InboxError;

/// The channel on which a request is answered.
pub(super) type PendingReply<T> = oneshot::Sender<Reply<T>>;

/// The answer to one request, with the replies that its receiver passes on.
pub(super) struct Reply<T> {
    outcome: Result<T, InboxError>,
    others: Replies,
}

impl<T> Reply<T> {
    /// The outcome of one's own request. The other replies are passed on.
    pub(super) fn outcome(self) -> Result<T, InboxError> {
        drop(self.others);
        self.outcome
    }
}

/// The replies to the requests of a batch. They are sent when this is dropped, so that none can be lost, even if the
/// task that should pass them on has been dropped.
#[derive(Default)]
pub(super) struct Replies(Vec<ReadyReply>);

enum ReadyReply {
    Accepted(PendingReply<Accepted>, Result<Accepted, InboxError>),
    Settled(PendingReply<()>, Result<(), InboxError>),
}

impl Replies {
    pub(super) fn with_capacity(requests: usize) -> Self {
        Self(Vec::with_capacity(requests))
    }

    pub(super) fn accepted(&mut self, reply: PendingReply<Accepted>, outcome: Result<Accepted, InboxError>) {
        self.0.push(ReadyReply::Accepted(reply, outcome));
    }

    pub(super) fn settled(&mut self, reply: PendingReply<()>, outcome: Result<(), InboxError>) {
        self.0.push(ReadyReply::Settled(reply, outcome));
    }

    /// Wakes the first task that still waits, to wake the others.
    pub(super) fn send(mut self) {
        while let Some(reply) = self.0.pop() {
            match reply.send(mem::take(&mut self)) {
                Ok(()) => return,
                Err(others) => self = others,
            }
        }
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        for reply in self.0.drain(..) {
            // A request whose client has disconnected no longer waits; the update is stored.
            let _ = reply.send(Self::default());
        }
    }
}

impl ReadyReply {
    /// Returns the other replies if this one has no receiver.
    fn send(self, others: Replies) -> Result<(), Replies> {
        match self {
            Self::Accepted(reply, outcome) => send(reply, outcome, others),
            Self::Settled(reply, outcome) => send(reply, outcome, others),
        }
    }
}

fn send<T>(reply: PendingReply<T>, outcome: Result<T, InboxError>, others: Replies) -> Result<(), Replies> {
    reply.send(Reply { outcome, others }).map_err(|unsent| unsent.others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_request_is_answered_although_any_one_was_dropped() {
        for gone in 0..4 {
            let (mut replies, mut waiting) = (Replies::with_capacity(4), Vec::new());
            for _ in 0..4 {
                let (reply, answer) = oneshot::channel();
                replies.accepted(reply, Ok(Accepted::Stored));
                waiting.push(answer);
            }
            drop(waiting.remove(gone));
            replies.send();
            // In any order, as on the runtime: one waits until another passes its reply on.
            let received = waiting.into_iter().map(async |answer| answer.await.unwrap().outcome());
            for received in futures_util::future::join_all(received).await {
                assert_eq!(received.unwrap(), Accepted::Stored);
            }
        }
    }

    #[tokio::test]
    async fn a_reply_that_is_never_read_passes_the_others_on() {
        let mut replies = Replies::default();
        let (first, received) = oneshot::channel();
        let (last, unread) = oneshot::channel();
        replies.settled(first, Ok(()));
        replies.settled(last, Ok(()));
        replies.send();
        drop(unread);
        assert!(received.await.unwrap().outcome().is_ok());
    }
}
