use std::time::Duration;

use super::drift::{Drift, drift};
use super::meaning::meaning;
use super::standing::{RefusedToken, Standing};
use super::wanted::WantedWebhook;
use crate::telegram::{ApiError, BotApi, WebhookInfo};

/// What one registration came to.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The webhook that was there before.
    pub before: WebhookInfo,
    /// The webhook that is there now, read back from Telegram.
    pub after: WebhookInfo,
    /// Telegram's remark: "Webhook was set" or "Webhook is already set".
    pub remark: String,
}

/// Sets the webhook, whoever has it, and reads it back. It is always set, because the secret token
/// cannot be compared, and because Telegram takes an unchanged one for nothing.
///
/// The caller has seen to it that the webhook has no [problems](WantedWebhook::problems).
///
/// # Errors
///
/// Those of [`BotApi`]. When `setWebhook` was refused, the bot has no webhook.
pub async fn register(api: &BotApi, wanted: &WantedWebhook) -> Result<Registered, ApiError> {
    let before = api.webhook_info().await?;
    // Only the start of a service throws away what waits at Telegram.
    let remark = api.set_webhook(&wanted.parameters(false)).await?;
    let after = api.webhook_info().await?;
    Ok(Registered { before, after, remark })
}

/// A throttle of `setWebhook` that is no longer than this comes from another call of it.
const MOMENT: Duration = Duration::from_secs(3);

/// Why a try did not end with a webhook that is ours, named for what happens next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setback {
    /// Never again: the token has not been accepted even once.
    Token(RefusedToken),
    /// Again, not before so long.
    After(Duration),
    /// Again, soon: nothing was changed, and it passes by itself.
    Soon(String),
    /// Again, soon: another program or instance sets the webhook at the same moment. The webhook may
    /// well be ours.
    Contended { reason: String, least: Duration },
    /// Again, a little later each time: Telegram would not or could not change it.
    Later(String),
    /// Again, every few seconds for a while: it heals without a change of the settings, and the bot
    /// has no webhook until then.
    Healing { reason: String, advice: String },
    /// Again, slowly: somebody must heal it.
    Slowly { reason: String, advice: String },
}

impl Setback {
    /// `accepted`: whether the token has been accepted before. One that is refused later was
    /// revoked while the service ran: that is told, and does not end what still can be taken in.
    pub(super) fn of(error: ApiError, accepted: bool) -> Self {
        match error {
            ApiError::Throttled { retry_after } => Self::After(retry_after),
            ApiError::Unreachable { .. }
            | ApiError::Unreadable { .. }
            | ApiError::Unknown { .. }
            // The registrar's own calls are none that are forbidden.
            | ApiError::NotAllowed { .. } => Self::Soon(error.to_string()),
            // A token that is not even well-formed is refused with 404 or 421.
            ApiError::Refused { code: code @ (401 | 404 | 421), description, .. } if !accepted => {
                Self::Token(RefusedToken { words: format!("{code} {description}") })
            }
            // "terminated by other setWebhook": two instances start at once.
            ApiError::Refused { code: 409, description, .. } => {
                Self::Contended { reason: format!("409 {description}"), least: Duration::ZERO }
            }
            ApiError::Refused { code, description, .. } => {
                let meaning = meaning(&description);
                let advice = meaning.map_or_else(
                    || "Look at PUBLIC_URL and at the [webhook] settings.".to_owned(),
                    |meaning| format!("This means: {}. {}", meaning.means, meaning.remedy),
                );
                let reason = format!("Telegram says {code} {description}");
                match meaning {
                    Some(meaning) if code == 400 && meaning.heals_by_itself() => Self::Healing { reason, advice },
                    Some(_) | None => Self::Slowly { reason, advice },
                }
            }
        }
    }

    /// The same, if it was met by a call that changes something.
    pub(super) fn of_a_change(self) -> Self {
        match self {
            Self::Soon(reason) => Self::Later(reason),
            // Telegram takes one `setWebhook` a second: somebody else has just made one.
            Self::After(least) if least <= MOMENT => {
                Self::Contended { reason: "Telegram asks to wait (429, too many requests)".to_owned(), least }
            }
            Self::Token(_)
            | Self::After(_)
            | Self::Contended { .. }
            | Self::Later(_)
            | Self::Healing { .. }
            | Self::Slowly { .. } => self,
        }
    }

    /// How the service stands while it waits for the next try.
    pub(super) fn standing(&self) -> Standing {
        match self {
            Self::Token(refused) => {
                Standing::Refused { reason: refused.to_string(), advice: refused.hint().to_owned() }
            }
            // Without the seconds: they change with each try, the reason does not.
            Self::After(_) => {
                Standing::Registering { trouble: Some("Telegram asks to wait (429, too many requests)".to_owned()) }
            }
            Self::Soon(reason) | Self::Contended { reason, .. } | Self::Later(reason) => {
                Standing::Registering { trouble: Some(reason.clone()) }
            }
            Self::Healing { reason, advice } => Standing::Refused {
                reason: reason.clone(),
                advice: format!(
                    "{advice} Doorbell tries again every few seconds for ten minutes, and every few minutes after that."
                ),
            },
            Self::Slowly { reason, advice } => Standing::Refused {
                reason: reason.clone(),
                advice: format!("{advice} Doorbell tries again every few minutes."),
            },
        }
    }
}

/// Whose the webhook is, and whether it is right.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Ours, and as wanted or as Telegram once settled it.
    Right,
    /// Another service's.
    Foreign { host: String },
    /// None, or ours and not as wanted.
    Wrong(Drift),
}

/// Judges what Telegram has. `settled` is what it had right after it was set: where Telegram would
/// not take a parameter as it was wanted then, setting it again changes nothing.
pub(super) fn finding(wanted: &WantedWebhook, seen: &WebhookInfo, settled: Option<&WebhookInfo>) -> Finding {
    let key = |info: &WebhookInfo| (info.url.clone(), info.allowed_updates.clone(), info.max_connections);
    match drift(wanted, seen).into_iter().next() {
        None => Finding::Right,
        Some(Drift::Foreign { host }) => Finding::Foreign { host },
        Some(Drift::AllowedUpdates { .. } | Drift::MaxConnections { .. }) if Some(key(seen)) == settled.map(key) => {
            Finding::Right
        }
        Some(drift) => Finding::Wrong(drift),
    }
}
