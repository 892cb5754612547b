//! The methods that no bot may call through Doorbell, whatever its handler is: they would make it poll, or
//! take the registration away from under the service.

use super::ApiError;

/// Each in Telegram's spelling, with what it would do.
const METHODS: [(&str, &str); 5] = [
    ("getUpdates", "Doorbell never polls; updates come by webhook"),
    ("setWebhook", "Doorbell registers the webhook itself"),
    ("deleteWebhook", "without the webhook no update arrives"),
    ("logOut", "it ends the bot's session at this Bot API"),
    ("close", "it ends the bot's session at this Bot API"),
];

/// Lets every other method pass. Telegram reads a method's name in any case.
///
/// # Errors
///
/// [`ApiError::NotAllowed`]: the call must not be sent.
pub(super) fn check(method: &str) -> Result<(), ApiError> {
    let forbidden = METHODS.iter().find(|(name, _)| name.eq_ignore_ascii_case(method));
    forbidden.map_or(Ok(()), |(method, why)| Err(ApiError::NotAllowed { method, why }))
}
