use jiff::Timestamp;
use serde::Serialize;

/// What was noticed about the webhook beside how the service stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Notes {
    /// How often the webhook had to be set again since the start, because another program had removed
    /// or changed it.
    pub healed: u64,
    /// What was said when that happened last, until the webhook has been left in peace for a while.
    pub conflict: Option<String>,
    /// Updates that waited at Telegram at the last look.
    pub pending: Option<u64>,
    /// When Telegram last failed to deliver, as it said at the last look. It stays after recovery.
    pub last_error_at: Option<Timestamp>,
    /// Why Telegram cannot deliver, in plain words, as long as it cannot.
    pub trouble: Option<String>,
}
