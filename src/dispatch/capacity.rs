//! Holds claims back while the handler takes no more updates.

use std::future::pending;

use super::engine::Dispatch;
use crate::inbox::Claimable;

impl Dispatch {
    /// How many updates may be claimed now by a caller that holds a slot. Each slot that is taken counts as an update with
    /// the handler, so a handler with a capacity gets no more than that. Updates of which only calls are left do not count.
    pub(super) fn room(&self) -> usize {
        let Some(capacity) = &self.capacity else { return usize::MAX };
        // The slot of the caller has no update yet.
        let taken = (self.settings.concurrency - self.slots.available_permits()).saturating_sub(1);
        let in_progress = taken.saturating_sub(self.running.only_calls());
        capacity.borrow().saturating_sub(in_progress)
    }

    /// Returns when an update may be ready and the handler takes one, or when calls of a handled update may be ready: they
    /// need no handler. Returns the most updates that may be claimed, and which. The caller holds a slot.
    pub(super) async fn ready(&self) -> (usize, Claimable) {
        let Some(mut capacity) = self.capacity.clone() else {
            self.inbox.ready(Claimable::Any).await;
            return (usize::MAX, Claimable::Any);
        };
        loop {
            let ended = self.running.changed.notified();
            tokio::pin!(ended);
            // Registered before the room is read, so that no change is missed.
            ended.as_mut().enable();
            capacity.mark_unchanged();
            let changed = async {
                if capacity.changed().await.is_err() {
                    // The handler is gone, and its capacity stays as it was.
                    pending::<()>().await;
                }
            };
            if self.room() == 0 {
                tokio::select! {
                    biased;
                    () = ended => {}
                    () = changed => {}
                    () = self.inbox.ready(Claimable::CallsLeft) => return (usize::MAX, Claimable::CallsLeft),
                }
                continue;
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = self.inbox.ready(Claimable::Any) => {
                    let room = self.room();
                    if room > 0 {
                        return (room, Claimable::Any);
                    }
                }
            }
        }
    }
}
