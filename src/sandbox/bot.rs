//! The identity of the sandbox's only bot.

/// The token of the sandbox's bot. It is valid in a sandbox only.
pub const TOKEN: &str = "123456789:AAtestSandboxTokenOfDoorbell0123456789";

/// The bot's display name.
pub(super) const NAME: &str = "Doorbell";
/// The bot's username.
pub(super) const USERNAME: &str = "doorbell_sandbox_bot";

/// The bot's user id, the part of the token before the colon.
pub(super) fn id() -> i64 {
    TOKEN.split(':').next().and_then(|id| id.parse().ok()).unwrap_or_default()
}
