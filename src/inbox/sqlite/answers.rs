//! How those who asked the writer hear what became of it.
//!
//! Waking somebody on the runtime from the writer's thread may cost a change of threads, there and
//! back, for every single one. So the writer wakes one of a batch, who passes the word on to the others.

use std::mem;

use tokio::sync::oneshot;

use super::super::{Accepted, InboxError};

/// Where the word for one is sent.
pub(super) type Reply<T> = oneshot::Sender<Word<T>>;

/// What became of one job, and what is to be passed on.
pub(super) struct Word<T> {
    outcome: Result<T, InboxError>,
    others: Answers,
}

impl<T> Word<T> {
    /// Passes the word on; what became of one's own job.
    pub(super) fn outcome(self) -> Result<T, InboxError> {
        drop(self.others);
        self.outcome
    }
}

/// The answers to the jobs of a batch. They are given when this is dropped, so that none can be
/// forgotten: not even when whoever was to pass them on has gone away.
#[derive(Default)]
pub(super) struct Answers(Vec<Answer>);

enum Answer {
    Accepted(Reply<Accepted>, Result<Accepted, InboxError>),
    Settled(Reply<()>, Result<(), InboxError>),
}

impl Answers {
    pub(super) fn with_capacity(jobs: usize) -> Self {
        Self(Vec::with_capacity(jobs))
    }

    pub(super) fn accepted(&mut self, reply: Reply<Accepted>, outcome: Result<Accepted, InboxError>) {
        self.0.push(Answer::Accepted(reply, outcome));
    }

    pub(super) fn settled(&mut self, reply: Reply<()>, outcome: Result<(), InboxError>) {
        self.0.push(Answer::Settled(reply, outcome));
    }

    /// Wakes the first who still waits, to wake the others.
    pub(super) fn give(mut self) {
        while let Some(answer) = self.0.pop() {
            match answer.tell(mem::take(&mut self)) {
                Ok(()) => return,
                Err(others) => self = others,
            }
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        for answer in self.0.drain(..) {
            // A webhook whose client has gone away hears nothing; the update is kept.
            let _ = answer.tell(Self::default());
        }
    }
}

impl Answer {
    /// Gives back what was to be passed on when nobody is there to do it.
    fn tell(self, others: Answers) -> Result<(), Answers> {
        match self {
            Self::Accepted(reply, outcome) => send(reply, outcome, others),
            Self::Settled(reply, outcome) => send(reply, outcome, others),
        }
    }
}

fn send<T>(reply: Reply<T>, outcome: Result<T, InboxError>, others: Answers) -> Result<(), Answers> {
    reply.send(Word { outcome, others }).map_err(|word| word.others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_hears_whoever_has_gone_away() {
        for gone in 0..4 {
            let (mut answers, mut waiting) = (Answers::with_capacity(4), Vec::new());
            for _ in 0..4 {
                let (reply, answer) = oneshot::channel();
                answers.accepted(reply, Ok(Accepted::Stored));
                waiting.push(answer);
            }
            drop(waiting.remove(gone));
            answers.give();
            // In no particular order, as on the runtime: one waits for the word of another.
            for heard in
                futures_util::future::join_all(waiting.into_iter().map(async |answer| answer.await.unwrap().outcome()))
                    .await
            {
                assert_eq!(heard.unwrap(), Accepted::Stored);
            }
        }
    }

    #[tokio::test]
    async fn a_word_that_is_never_read_is_passed_on_all_the_same() {
        let mut answers = Answers::default();
        let (first, heard) = oneshot::channel();
        let (last, unread) = oneshot::channel();
        answers.settled(first, Ok(()));
        answers.settled(last, Ok(()));
        answers.give();
        drop(unread);
        assert!(heard.await.unwrap().outcome().is_ok());
    }
}
