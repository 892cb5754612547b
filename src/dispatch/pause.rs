use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::inbox::{Inbox, InboxError, Stored};

/// How often the store is asked whether another instance has paused or resumed.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// The wait before the store is asked again at the start, while it cannot be used.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Whether updates are handed to the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Not known yet: the store has not been read since the start. Nothing is handed over.
    Unknown,
    /// They are.
    Running,
    /// The operator has paused the handling, for all instances.
    Paused {
        /// Since when, by the time of day.
        since: Timestamp,
        /// Whether updates are acknowledged only when they have been handled (`memory:`).
        stops_acknowledgements: bool,
    },
}

/// The value in the store.
#[derive(Serialize, Deserialize)]
struct Value {
    /// `None`: not paused.
    paused_since: Option<Timestamp>,
}

impl Handling {
    /// Whether the operator has paused the handling.
    #[must_use]
    pub fn is_paused(self) -> bool {
        matches!(self, Self::Paused { .. })
    }

    /// What happens to updates, what it means and what to do.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Unknown => "The store has not said yet whether the handling of updates is paused.".to_owned(),
            Self::Running => "Updates are handed to the bot.".to_owned(),
            Self::Paused { since, stops_acknowledgements: false } => format!(
                "The operator has paused the handling of updates since {since:.0}, for all instances. Updates are stored and \
                 wait; those that wait too long expire. The console's overview resumes it."
            ),
            Self::Paused { since, stops_acknowledgements: true } => format!(
                "The operator has paused the handling of updates since {since:.0}. With memory: nothing is acknowledged \
                 meanwhile: updates wait at Telegram, for at most 24 h. The console's overview resumes it."
            ),
        }
    }
}

/// Pauses and resumes the handling of updates. The store keeps it, so it concerns all instances and survives a restart.
pub struct Pause {
    inbox: Arc<dyn Inbox>,
    clock: SharedClock,
    is_memory: bool,
    handling: watch::Sender<Handling>,
    /// Held from a reading or a change of the store until it is published, so that an old value never replaces a newer one.
    storing: Mutex<()>,
}

impl Pause {
    pub(super) fn new(inbox: Arc<dyn Inbox>, is_memory: bool, clock: SharedClock) -> Self {
        Self { inbox, clock, is_memory, handling: watch::Sender::new(Handling::Unknown), storing: Mutex::default() }
    }

    /// Whether updates are handed to the handler now.
    #[must_use]
    pub fn handling(&self) -> Handling {
        *self.handling.borrow()
    }

    /// The same, whenever it changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Handling> {
        self.handling.subscribe()
    }

    /// Pauses or resumes the handling. When it returns, this instance claims nothing more, or goes on; others notice
    /// within a few seconds.
    ///
    /// # Errors
    ///
    /// Nothing has changed, because the store cannot be used now.
    ///
    /// # Panics
    ///
    /// Never: a time is JSON.
    pub async fn set(&self, paused: bool) -> Result<(), InboxError> {
        let _storing = self.storing.lock().await;
        let since = match self.handling() {
            Handling::Paused { since, .. } => since,
            Handling::Unknown | Handling::Running => self.clock.now(),
        };
        let value = Value { paused_since: paused.then_some(since) };
        let text = serde_json::to_string(&value).expect("a struct of a time is JSON");
        self.inbox.save(Stored::Paused, &text).await?;
        self.publish(value.paused_since);
        Ok(())
    }

    /// Returns when updates may be handed to the handler.
    pub(super) async fn running(&self) {
        if self.handling() == Handling::Running {
            return;
        }
        while self.read().await.is_err() && self.handling() == Handling::Unknown {
            self.clock.sleep(ASK_AGAIN).await;
        }
        // The sender lives as long as `self`, so the wait ends only when the value is right.
        let _ = self.handling.subscribe().wait_for(|handling| *handling == Handling::Running).await;
    }

    /// Reads the store.
    async fn read(&self) -> Result<(), InboxError> {
        let _storing = self.storing.lock().await;
        let stored = self.inbox.load(Stored::Paused).await?;
        self.publish(stored.as_deref().and_then(paused_since));
        Ok(())
    }

    /// Follows the store until the soft stop.
    pub async fn watch(&self, soft: &CancellationToken) {
        loop {
            // The store itself reports that it cannot be used. What is known stays.
            let _ = self.read().await;
            tokio::select! {
                () = soft.cancelled() => return,
                () = self.clock.sleep(ASK_EVERY) => {}
            }
        }
    }

    /// Makes a change known, in the log too.
    fn publish(&self, paused_since: Option<Timestamp>) {
        let handling = match paused_since {
            None => Handling::Running,
            Some(since) => Handling::Paused { since, stops_acknowledgements: self.is_memory },
        };
        let before = self.handling.send_replace(handling);
        if before.is_paused() == handling.is_paused() {
            return;
        }
        if handling.is_paused() {
            tracing::warn!("{}", handling.sentence());
        } else {
            tracing::info!("The operator has resumed the handling of updates.");
        }
    }
}

/// What the store has. A value that cannot be read pauses nothing.
fn paused_since(stored: &str) -> Option<Timestamp> {
    let value: Value = serde_json::from_str(stored)
        .inspect_err(|error| {
            let category = error.classify();
            tracing::warn!(?category, "the stored pause cannot be read, so updates are handled");
        })
        .ok()?;
    value.paused_since
}
