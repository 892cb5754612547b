use jiff::Timestamp;
use serde::Serialize;

use crate::telegram::WebhookInfo;

/// What the registrar has observed about the webhook, in addition to its [status](super::Status).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WebhookHealth {
    /// How often the webhook was set again since the start, because another program had removed or changed it.
    #[serde(rename = "healed")]
    pub repairs: u64,
    /// What the log said about the last repair. It is cleared after a period without damage.
    pub conflict: Option<String>,
    /// The number of updates that waited at Telegram at the last check.
    pub pending: Option<u64>,
    /// When a delivery last failed, as Telegram reported at the last check. It stays after recovery.
    pub last_error_at: Option<Timestamp>,
    /// Why Telegram cannot deliver, in plain words, as long as it cannot.
    pub trouble: Option<String>,
}

impl WebhookHealth {
    /// Records the result of a check.
    pub(super) fn record(&mut self, seen: &WebhookInfo) {
        self.pending = Some(seen.pending_update_count);
        self.last_error_at = seen.last_error_date.and_then(|second| Timestamp::from_second(second).ok());
    }
}
