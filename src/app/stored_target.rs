//! The stored target of your own bot: it is read at the start, and again and again where other instances write it too.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{Backoff, SharedClock};
use crate::handler::forward::{Target, Targets};
use crate::inbox::{Inbox, Stored};

/// The wait before the stored target is read again, while the database is away.
const AGAIN: Backoff = Backoff { first: Duration::from_secs(1), longest: FOLLOW_EVERY };
/// How often the target of other instances is read. Their registrars repair the webhook against each other for as long.
const FOLLOW_EVERY: Duration = Duration::from_secs(10);

/// Keeps the target of this instance and the stored one the same.
pub(super) struct StoredTarget {
    pub(super) inbox: Arc<dyn Inbox>,
    pub(super) targets: Targets,
    /// Whether other instances can have the same inbox.
    pub(super) is_shared: bool,
    pub(super) clock: SharedClock,
    /// The soft stop.
    pub(super) stop: CancellationToken,
}

impl StoredTarget {
    /// Restores the target that was stored by an earlier process, unless the bot sets one before. Then it takes every newer
    /// one of another instance, until the soft stop.
    pub(super) async fn follow(self) {
        let follow = async {
            if let Some(target) = self.restored().await {
                self.targets.restore(target);
            }
            if !self.is_shared {
                return;
            }
            loop {
                self.clock.sleep(FOLLOW_EVERY).await;
                // The database can be away; it is read again soon.
                if let Ok(stored) = self.inbox.load(Stored::Target).await {
                    self.compare(stored.and_then(|stored| serde_json::from_str(&stored).ok())).await;
                }
            }
        };
        let _ = self.stop.run_until_cancelled(follow).await;
    }

    /// Tries until the store can be read.
    async fn restored(&self) -> Option<Target> {
        let mut failures = 0;
        loop {
            match self.inbox.load(Stored::Target).await {
                Ok(None) => return None,
                Ok(Some(stored)) => match serde_json::from_str(&stored) {
                    Ok(target) => return Some(target),
                    Err(error) => {
                        let category = error.classify();
                        tracing::warn!(
                            ?category,
                            "the stored target of your bot cannot be read; the bot must set its webhook again"
                        );
                        return None;
                    }
                },
                Err(_) => failures += 1,
            }
            self.clock.sleep(AGAIN.wait(failures, rand::random())).await;
        }
    }

    /// Takes the stored target if it is newer. If it is older, it is that of an instance which did not know the one of this
    /// instance, or this one could not be stored before: then it is stored again.
    async fn compare(&self, stored: Option<Target>) {
        let known = self.targets.current();
        let set_at = |target: &Option<Target>| target.as_ref().map_or(i64::MIN, |target| target.set_at);
        if let Some(known) = known.as_ref().filter(|known| known.set_at > set_at(&stored)) {
            let text = serde_json::to_string(known).expect("a target is JSON");
            // It is compared again soon.
            let _ = self.inbox.save(Stored::Target, &text).await;
        } else if let Some(stored) = stored
            && self.targets.adopt(stored)
        {
            tracing::info!(
                "the bot has set its webhook at another instance, later than here: this instance uses that one"
            );
        }
    }
}
