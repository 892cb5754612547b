use std::time::Duration;

/// How an update that was with the bot ended, as far as it says something about the bot.
pub(super) enum Ended {
    /// The bot answered it.
    Answered,
    /// The bot cut the connection.
    Cut,
    /// The bot takes no updates.
    Trouble(Trouble),
    /// Nothing is known: it took too long, or was interrupted.
    Unknown,
}

/// Why the bot takes no updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It takes no connections.
    Unreachable(String),
    /// It answers that it is not available, and perhaps for how long.
    Unavailable { reason: String, retry_after: Option<Duration> },
    /// It asks to wait.
    Throttled { reason: String, retry_after: Duration },
    /// It is set up wrong.
    Misconfigured(String),
}

impl Trouble {
    /// What was seen.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Unreachable(reason)
            | Self::Unavailable { reason, .. }
            | Self::Throttled { reason, .. }
            | Self::Misconfigured(reason) => reason,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } => Some(*retry_after),
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Unreachable(_) | Self::Misconfigured(_) => None,
        }
    }
}

/// What caused a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The bot. The update loses no attempt.
    Bot,
    /// The update: the bot takes others and refuses this one again.
    Update,
}
