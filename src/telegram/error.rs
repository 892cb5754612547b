use std::time::Duration;

/// Why a call was not carried out, named for what happens next. Never holds the bot token.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Telegram asks us to wait: call again after `retry_after`.
    #[error("Telegram asks to wait {} s", retry_after.as_secs())]
    Throttled {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Telegram will not do it, however often it is asked.
    #[error("Telegram refused it: {code} {description}")]
    Refused {
        /// The error code, an HTTP status.
        code: u16,
        /// Telegram's own words.
        description: String,
        /// The supergroup that the chat has become, where that is the reason.
        migrate_to_chat_id: Option<i64>,
    },
    /// Nobody answered, or Telegram is in trouble itself (5xx): call again later.
    #[error("Telegram could not be reached: {reason}")]
    Unreachable {
        /// What went wrong, without the URL.
        reason: String,
    },
    /// Something answered, but not as the Bot API does: call again later.
    #[error("the answer was not the Bot API's: {reason}")]
    Unreadable {
        /// What was wrong with it.
        reason: String,
    },
}
