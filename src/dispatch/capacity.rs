//! Holds claims back while the handler takes no more updates.

use std::future::pending;

use super::engine::Dispatch;

impl Dispatch {
    /// How many updates may be claimed now by a caller that holds a slot. Each slot that is taken counts as an update in
    /// progress, so a handler with a capacity gets no more than that.
    pub(super) fn room(&self) -> usize {
        let Some(capacity) = &self.capacity else { return usize::MAX };
        // The slot of the caller has no update yet.
        let in_progress = (self.settings.concurrency - self.slots.available_permits()).saturating_sub(1);
        capacity.borrow().saturating_sub(in_progress)
    }

    /// Returns when an update may be ready and the handler takes one, with the most updates that may be claimed. The
    /// caller holds a slot.
    pub(super) async fn ready(&self) -> usize {
        let Some(mut capacity) = self.capacity.clone() else {
            self.inbox.ready().await;
            return usize::MAX;
        };
        loop {
            let ended = self.running.changed.notified();
            tokio::pin!(ended);
            // Registered before the room is read, so that no change is missed.
            ended.as_mut().enable();
            capacity.mark_unchanged();
            let room = self.room();
            let changed = async {
                if capacity.changed().await.is_err() {
                    // The handler is gone, and its capacity stays as it was.
                    pending::<()>().await;
                }
            };
            if room == 0 {
                tokio::select! {
                    () = ended => {}
                    () = changed => {}
                }
                continue;
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = self.inbox.ready() => {
                    let room = self.room();
                    if room > 0 {
                        return room;
                    }
                }
            }
        }
    }
}
