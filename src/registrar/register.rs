use super::wanted::WantedWebhook;
use crate::telegram::{ApiError, BotApi, WebhookInfo};

/// The result of [`register`].
#[derive(Clone, Debug)]
pub struct Registered {
    /// The webhook that was set before.
    pub before: WebhookInfo,
    /// The webhook that is set now, read back from Telegram.
    pub after: WebhookInfo,
    /// Telegram's remark: "Webhook was set" or "Webhook is already set".
    pub remark: String,
}

/// Sets the webhook once, also if another service has it, and reads it back. It is set even if it looks unchanged,
/// because the secret token cannot be compared.
///
/// The caller must have checked that the webhook has no [problems](WantedWebhook::problems).
///
/// # Errors
///
/// Those of [`BotApi`]. When `setWebhook` was refused, the bot has no webhook.
pub async fn register(api: &BotApi, wanted: &WantedWebhook) -> Result<Registered, ApiError> {
    let before = api.webhook_info().await?;
    // Only the start of a service discards what waits at Telegram.
    let remark = api.set_webhook(&wanted.parameters(false)).await?;
    let after = api.webhook_info().await?;
    Ok(Registered { before, after, remark })
}
