//! The methods that concern the registration and the session: Doorbell alone uses them, and no handler may call them.

use super::error::ApiError;

/// A method that a bot behind Doorbell does not reach Telegram with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservedMethod {
    /// It asks for updates. Doorbell never polls.
    Poll,
    /// `setWebhook`.
    SetWebhook,
    /// `deleteWebhook`.
    DeleteWebhook,
    /// `logOut`.
    LogOut,
    /// `close`.
    Close,
}

/// The name of the method that polls. No other file of the program may contain it.
pub(super) const POLL: &str = "getUpdates";

/// The reserved methods in Telegram's spelling, each with the reason.
const METHODS: [(&str, ReservedMethod, &str); 5] = [
    (POLL, ReservedMethod::Poll, "Doorbell never polls; updates come by webhook"),
    ("setWebhook", ReservedMethod::SetWebhook, "Doorbell registers the webhook itself"),
    ("deleteWebhook", ReservedMethod::DeleteWebhook, "without the webhook no update arrives"),
    ("logOut", ReservedMethod::LogOut, "it ends the bot's session at this Bot API"),
    ("close", ReservedMethod::Close, "it ends the bot's session at this Bot API"),
];

impl ReservedMethod {
    /// The reserved method of this name. Like Telegram, it ignores the case.
    #[must_use]
    pub fn named(method: &str) -> Option<Self> {
        METHODS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(method)).map(|(_, reserved, _)| *reserved)
    }
}

/// What Telegram says to a bot that polls while another program receives its updates. One library (teloxide) recognises
/// these words.
pub(crate) fn polling_conflict() -> String {
    format!("Conflict: terminated by other {POLL} request; make sure that only one bot instance is running")
}

/// Checks that a method is allowed. Like Telegram, it ignores the case of the name.
///
/// # Errors
///
/// [`ApiError::NotAllowed`]: the call must not be sent.
pub(super) fn check(method: &str) -> Result<(), ApiError> {
    let forbidden = METHODS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(method));
    forbidden.map_or(Ok(()), |(method, _, why)| Err(ApiError::NotAllowed { method, why }))
}
