//! Lets updates go to the bot, as many as it takes, and suspects alone.

use std::sync::Arc;

use super::availability::{Entry, Ticket};
use super::destination::Destination;
use super::engine::Forward;
use super::trouble::{Blame, Ended};
use crate::handler::HandlerError;
use crate::update::UpdateId;

impl Forward {
    /// Waits until this update may go to the bot. A suspect waits until no other update is there.
    pub(super) async fn admit(&self, id: UpdateId) -> Result<Visit<'_>, HandlerError> {
        let mut waiting: Option<Waiting<'_>> = None;
        let mut patience = None;
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            // Registered before the state is read, so that no change is missed.
            left.as_mut().enable();
            match self.update(|availability, at| availability.enter(id, waiting.is_some(), at)) {
                Entry::Go(ticket) => {
                    if let Some(waiting) = &mut waiting {
                        waiting.has_ended = true;
                    }
                    let destination = Arc::clone(&ticket.destination);
                    return Ok(Visit { forward: self, destination, ticket: Some(ticket) });
                }
                Entry::Wait => {
                    waiting.get_or_insert_with(|| Waiting { forward: self, has_ended: false });
                }
                Entry::Refused(reason) => return Err(HandlerError::Unavailable(reason)),
            }
            tokio::select! {
                () = left => {}
                () = patience.get_or_insert_with(|| self.clock.sleep(self.time_limit)) => {
                    return Err(HandlerError::Unavailable("it is tried alone, and other updates are with the bot".to_owned()));
                }
            }
        }
    }
}

/// An update that is with the bot. When it is dropped, also at a hard stop, the bot is free for another one.
pub(super) struct Visit<'a> {
    forward: &'a Forward,
    /// Where the bot is.
    pub(super) destination: Arc<Destination>,
    ticket: Option<Ticket>,
}

impl Visit<'_> {
    /// The update has ended in this way.
    pub(super) fn end(mut self, ended: Ended) -> Blame {
        self.leave(ended)
    }

    fn leave(&mut self, ended: Ended) -> Blame {
        let Some(ticket) = self.ticket.take() else { return Blame::Bot };
        let blame = self.forward.update(|availability, at| availability.leave(&ticket, ended, at));
        self.forward.left.notify_waiters();
        blame
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.leave(Ended::Unknown);
    }
}

/// A suspect that waits for its turn. When it is dropped before that, it waits no longer.
struct Waiting<'a> {
    forward: &'a Forward,
    has_ended: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.forward.update(|availability, _| availability.give_up_waiting());
            self.forward.left.notify_waiters();
        }
    }
}
