//! Holds claims back while the handler takes no more updates.

use std::future::pending;

use super::engine::{Dispatch, RESERVED};
use crate::inbox::Claimable;

impl Dispatch {
    /// How many updates the handler takes, if it says so, before claims of this sort are held back. Part of it is reserved
    /// for urgent updates.
    pub(super) fn capacity_for(&self, which: Claimable) -> usize {
        let Some(capacity) = &self.capacity else { return usize::MAX };
        let capacity = *capacity.borrow();
        match which {
            Claimable::Any if capacity.is_divisible => capacity.updates - capacity.updates / RESERVED,
            Claimable::Any | Claimable::Urgent => capacity.updates,
            // They need no handler.
            Claimable::CallsLeft => usize::MAX,
        }
    }

    /// Whether the handler takes an update of this sort now.
    pub(super) fn has_room(&self, which: Claimable) -> bool {
        self.capacity_for(which) > self.running.with_handler()
    }

    /// Returns when an update of this sort may be ready and the handler takes one, or when calls of a handled update may be
    /// ready. Returns which may be claimed.
    pub(super) async fn ready(&self, wanted: Claimable) -> Claimable {
        let Some(mut capacity) = self.capacity.clone() else {
            self.inbox.ready(wanted).await;
            return wanted;
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
            let has_room = self.has_room(wanted);
            let which = match (has_room, wanted) {
                (true, _) => wanted,
                (false, Claimable::Any) => Claimable::CallsLeft,
                (false, _) => {
                    tokio::select! {
                        () = ended => {}
                        () = changed => {}
                    }
                    continue;
                }
            };
            tokio::select! {
                biased;
                () = ended, if !has_room => {}
                () = changed => {}
                () = self.inbox.ready(which) => return which,
            }
        }
    }
}
