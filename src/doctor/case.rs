use jiff::Timestamp;

use crate::registrar::{OffReason, TakeoverPolicy, WantedWebhook};
use crate::settings::{Settings, WebhookSettings};
use crate::telegram::BotToken;

/// The test update that the doctor sends, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// None.
    No,
    /// An update of an unknown kind, which has no effect.
    Harmless,
    /// `/start`, as if this person had written it. The reply goes to that private chat.
    Start {
        /// The Telegram id of the person.
        user: i64,
    },
}

/// The input of the checks.
pub(super) struct Case<'a> {
    pub(super) settings: &'a Settings,
    pub(super) takeover: TakeoverPolicy,
    pub(super) wanted: Result<WantedWebhook, OffReason>,
    pub(super) now: Timestamp,
}

impl<'a> Case<'a> {
    pub(super) fn of(settings: &'a Settings, token: &BotToken, now: Timestamp) -> Self {
        let takeover = TakeoverPolicy::of(settings.webhook.takeover, &settings.platform);
        // A service that does not register itself has a wanted URL too.
        let webhook = WebhookSettings { register: true, ..settings.webhook.clone() };
        let wanted = WantedWebhook::from_settings(&webhook, &settings.platform, token);
        Self { settings, takeover, wanted, now }
    }

    /// The same case, with the kinds of updates that the bot behind the gateway asks for.
    pub(super) fn with_kinds_of_bot(self, kinds: Option<&[String]>) -> Self {
        Self { wanted: self.wanted.map(|wanted| wanted.with_kinds_of_bot(kinds)), ..self }
    }
}
