use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Serialize, Serializer};
use tokio::sync::{Notify, watch};
use tracing::Level;

use super::wanted::WantedWebhook;
use crate::telegram::WebhookInfo;

/// The most events that are kept.
const KEPT: usize = 100;

/// What a page shows of the registrar, and what it can ask of it. Clones share it.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) history: History,
    pub(super) asked: Arc<Notify>,
    pub(super) observed: watch::Receiver<Option<Observed>>,
}

/// The wanted webhook, and the one that Telegram reported last.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The wanted one, with the kinds of updates that your own bot asks for.
    pub wanted: WantedWebhook,
    /// The one that Telegram has, and when it said so.
    pub seen: Option<(Timestamp, WebhookInfo)>,
}

/// Something that happened to the webhook, in the words of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// The time of day.
    pub at: Timestamp,
    /// The level of the log line.
    #[serde(serialize_with = "in_lower_case")]
    pub level: Level,
    /// What happened.
    pub text: String,
}

/// The latest events, shared by the registrar and the pages.
#[derive(Clone, Debug, Default)]
pub(super) struct History(Arc<Mutex<VecDeque<Happening>>>);

impl Control {
    /// What happened to the webhook since the start, the newest first: at most the last 100 events.
    #[must_use]
    pub fn history(&self) -> Vec<Happening> {
        self.history.0.lock().iter().rev().cloned().collect()
    }

    /// The wanted and the seen webhook. `None` where this service registers none, for the reason that its status names.
    #[must_use]
    pub fn observed(&self) -> Option<Observed> {
        self.observed.borrow().clone()
    }

    /// Notified when the wanted or the seen webhook changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Option<Observed>> {
        self.observed.clone()
    }

    /// Asks the registrar to register the webhook now, also if another service has it. Returns `false` where this service
    /// registers none.
    #[must_use]
    pub fn register_now(&self) -> bool {
        let is_possible = self.observed.borrow().is_some();
        if is_possible {
            self.asked.notify_one();
        }
        is_possible
    }
}

impl History {
    pub(super) fn push(&self, at: Timestamp, level: Level, text: &str) {
        let mut kept = self.0.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Happening { at, level, text: text.to_owned() });
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn in_lower_case<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&level.as_str().to_lowercase())
}
