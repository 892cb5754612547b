//! The few named values that a store keeps beside the updates.

/// A named value. The store does not read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stored {
    /// The target of the bot behind the gateway, as JSON.
    Target,
    /// Whether the operator has paused the handling of updates, and since when, as JSON. It concerns all instances.
    Paused,
}

impl Stored {
    /// The name of the column or of the row that holds the value.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Paused => "paused",
        }
    }
}
