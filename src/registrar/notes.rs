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
    /// Why Telegram cannot deliver, in plain words, as long as it cannot.
    pub trouble: Option<String>,
}
