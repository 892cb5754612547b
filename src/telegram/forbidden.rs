//! The methods that no handler may call: they would make the bot poll, or remove the registration of the service.

use super::error::ApiError;

/// The forbidden methods in Telegram's spelling, each with the reason.
const METHODS: [(&str, &str); 5] = [
    ("getUpdates", "Doorbell never polls; updates come by webhook"),
    ("setWebhook", "Doorbell registers the webhook itself"),
    ("deleteWebhook", "without the webhook no update arrives"),
    ("logOut", "it ends the bot's session at this Bot API"),
    ("close", "it ends the bot's session at this Bot API"),
];

/// Checks that a method is allowed. Like Telegram, it ignores the case of the name.
///
/// # Errors
///
/// [`ApiError::NotAllowed`]: the call must not be sent.
pub(super) fn check(method: &str) -> Result<(), ApiError> {
    let forbidden = METHODS.iter().find(|(name, _)| name.eq_ignore_ascii_case(method));
    forbidden.map_or(Ok(()), |(method, why)| Err(ApiError::NotAllowed { method, why }))
}
