use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;

use crate::settings::{Platform, Stage, Takeover, WebhookSettings};
use crate::telegram::{BotToken, SECRET_TOKEN_FORM, SetWebhook, UrlFault, WEBHOOK_PATH, is_secret_token};

/// The webhook that the settings ask for.
#[derive(Clone, Debug)]
pub struct WantedWebhook {
    /// The URL to which Telegram must send updates.
    pub url: String,
    /// Sent by Telegram with each update: 1 to 256 of the characters `A-Z a-z 0-9 _ -`.
    pub secret_token: SecretString,
    /// The wanted kinds of updates; empty for Telegram's default.
    pub allowed_updates: Vec<String>,
    /// Whether the operator has set them. Otherwise a bot behind the gateway may ask for others.
    pub allowed_updates_are_set: bool,
    /// The most connections that Telegram opens at the same time, 1 to 100.
    pub max_connections: u32,
    /// Whether the first registration of a start discards the updates that wait at Telegram.
    pub drop_pending_updates: bool,
    /// Which webhook it may replace when the service starts.
    pub takeover: TakeoverPolicy,
}

/// Why the service does not register a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OffReason {
    /// The operator has turned registration off.
    TurnedOff,
    /// Neither a setting nor the platform says where the service is reached from outside.
    NoPublicUrl,
    /// This is a preview without a bot token.
    NoToken,
}

/// Which webhook a service that starts may replace. The newest start wins, but only where the bot is meant to run.
///
/// A preview is recognised by the variables of its platform. Render's previews of an image set no such variable and look
/// like production: such a preview takes over when it starts, the service that had the webhook reports `superseded` and
/// names its host, and the next start of either wins again. A service that shows neither a preview nor production is
/// treated as not production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeoverPolicy {
    /// Any webhook, also one that leads to another host.
    Any,
    /// None, or one that leads to this host already. Another host's is left alone, because this service is not known to be
    /// production.
    FreeOnly,
    /// The same, because the operator forbids takeovers.
    FreeOnlyByOrder,
    /// No webhook at all, not even a missing one: this is a preview or a test environment.
    Preview {
        /// What shows that it is a preview.
        evidence: &'static str,
    },
}

impl TakeoverPolicy {
    /// The policy that follows from the setting and the platform.
    #[must_use]
    pub fn of(takeover: Takeover, platform: &Platform) -> Self {
        match (takeover, platform.stage) {
            (Takeover::Always, _) | (Takeover::Auto, Stage::Production) => Self::Any,
            (Takeover::Auto | Takeover::Never, Stage::Preview(evidence)) => Self::Preview { evidence },
            (Takeover::Auto, Stage::Unsure) => Self::FreeOnly,
            (Takeover::Never, Stage::Production | Stage::Unsure) => Self::FreeOnlyByOrder,
        }
    }
}

impl WantedWebhook {
    /// The webhook that the settings ask for.
    ///
    /// # Errors
    ///
    /// [`OffReason`] when they ask for none.
    pub fn from_settings(settings: &WebhookSettings, platform: &Platform, token: &BotToken) -> Result<Self, OffReason> {
        if !settings.register {
            return Err(OffReason::TurnedOff);
        }
        let public_url = settings.public_url.as_deref().ok_or(OffReason::NoPublicUrl)?;
        Ok(Self {
            url: format!("{}{WEBHOOK_PATH}", public_url.trim_end_matches('/')),
            secret_token: token.effective_webhook_secret(settings),
            allowed_updates: settings.allowed_updates.clone(),
            allowed_updates_are_set: settings.allowed_updates_are_set,
            max_connections: settings.max_connections,
            drop_pending_updates: settings.drop_pending_updates,
            takeover: TakeoverPolicy::of(settings.takeover, platform),
        })
    }

    /// The same webhook with the kinds of updates that the bot behind the gateway asks for, if it asks for any and the
    /// operator has set none.
    #[must_use]
    pub fn with_kinds_of_bot(mut self, asked: Option<&[String]>) -> Self {
        if let Some(asked) = asked.filter(|_| !self.allowed_updates_are_set) {
            self.allowed_updates = asked.iter().map(|kind| kind.to_ascii_lowercase()).collect();
        }
        self
    }

    /// The host of the URL, with the port if it is not the default one.
    #[must_use]
    pub fn host(&self) -> String {
        host_of(&self.url)
    }

    /// What Telegram would refuse, one sentence each; empty if it accepts the webhook. The caller checks this before
    /// `setWebhook`, because a refused call leaves the bot with no webhook at all.
    ///
    /// `public_api`: whether the call goes to Telegram's own Bot API. Another Bot API server may send to any address.
    #[must_use]
    pub fn problems(&self, public_api: bool) -> Vec<String> {
        let mut problems = Vec::new();
        match Url::parse(&self.url) {
            Ok(url) if public_api => problems.extend(UrlFault::of(&url).iter().map(ToString::to_string)),
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                problems.push(format!("the public URL begins with {}:, but it must be http or https", url.scheme()));
            }
            Ok(_) => {}
            Err(error) => problems.push(format!("the public URL is not a URL: {error}")),
        }
        if !is_secret_token(self.secret_token.expose_secret()) {
            problems.push(format!("the secret token must be {SECRET_TOKEN_FORM}"));
        }
        if !(1..=100).contains(&self.max_connections) {
            problems.push(format!("max_connections is {}, but it must be from 1 to 100", self.max_connections));
        }
        problems
    }

    /// The parameters of a call. `drop_pending_updates`: whether it discards the updates that wait at Telegram.
    pub(super) fn parameters(&self, drop_pending_updates: bool) -> SetWebhook {
        SetWebhook {
            url: self.url.clone(),
            secret_token: self.secret_token.clone(),
            allowed_updates: self.allowed_updates.clone(),
            max_connections: self.max_connections,
            drop_pending_updates,
        }
    }
}

/// The host of a URL, with the port if it is not the default one. Nothing else of a foreign webhook may be shown, because
/// its path can hold a token.
pub(super) fn host_of(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "an address that is no URL".to_owned() };
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => "an address without a host".to_owned(),
    }
}

#[cfg(test)]
impl WantedWebhook {
    /// A webhook with Telegram's defaults.
    pub(crate) fn for_test(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            secret_token: "Secret_1-".to_owned().into(),
            allowed_updates: vec![],
            allowed_updates_are_set: false,
            max_connections: 40,
            drop_pending_updates: false,
            takeover: TakeoverPolicy::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_telegram_accepts_has_no_problems() {
        for url in ["https://bot.example.org/telegram/webhook", "https://bot.example.org:8443/", "https://8.8.8.8/"] {
            assert_eq!(WantedWebhook::for_test(url).problems(true), Vec::<String>::new(), "{url}");
        }
    }

    #[test]
    fn an_address_that_telegram_refuses_is_found_before_telegram_is_asked() {
        for url in [
            "http://bot.example.org/",
            "https://bot.example.org:10000/",
            "https://localhost/",
            "https://bot/",
            "https://printer.local/",
            "https://10.0.0.1/",
            "https://100.64.0.1/",
            "https://[2001:db8::1]/",
            "bot.example.org",
        ] {
            assert_eq!(WantedWebhook::for_test(url).problems(true).len(), 1, "{url}");
        }
    }

    #[test]
    fn another_bot_api_server_may_send_to_loopback() {
        assert!(WantedWebhook::for_test("http://127.0.0.1:10000/telegram/webhook").problems(false).is_empty());
        assert_eq!(WantedWebhook::for_test("ftp://127.0.0.1/").problems(false).len(), 1);
    }

    #[test]
    fn all_problems_are_reported_together() {
        let mut wanted = WantedWebhook::for_test("https://localhost:1/");
        wanted.secret_token = "with a blank".to_owned().into();
        wanted.max_connections = 0;
        let problems = wanted.problems(true);
        assert_eq!(problems.len(), 4);
        assert!(!problems.concat().contains("with a blank"));
    }

    #[test]
    fn only_the_host_of_a_url_is_shown() {
        assert_eq!(host_of("https://other.example:8443/123:token?a=b"), "other.example:8443");
        assert_eq!(host_of("https://user:password@other.example/"), "other.example");
        assert_eq!(host_of("nonsense"), "an address that is no URL");
    }

    #[test]
    fn only_a_production_service_takes_over_unasked_and_a_preview_takes_nothing() {
        let local = Platform::default();
        let production = Platform { name: Some("Render"), stage: Stage::Production, ..Platform::default() };
        let preview = Platform { stage: Stage::Preview("A is set"), ..production.clone() };
        let nothing = TakeoverPolicy::Preview { evidence: "A is set" };
        for (takeover, platform, policy) in [
            (Takeover::Auto, &production, TakeoverPolicy::Any),
            (Takeover::Auto, &local, TakeoverPolicy::FreeOnly),
            (Takeover::Auto, &preview, nothing),
            (Takeover::Never, &production, TakeoverPolicy::FreeOnlyByOrder),
            (Takeover::Never, &preview, nothing),
            (Takeover::Always, &local, TakeoverPolicy::Any),
            (Takeover::Always, &preview, TakeoverPolicy::Any),
        ] {
            assert_eq!(TakeoverPolicy::of(takeover, platform), policy, "{takeover:?} {platform:?}");
        }
    }
}
