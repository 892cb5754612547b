use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use url::{ParseError, Url};

use crate::settings::WebhookSettings;

/// The id of a bot. It is no secret, and it is the same for every token that the bot ever has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BotId(pub i64);

impl fmt::Display for BotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The bot token. It gives full control of the bot, so it leaves this module only in requests to the Bot API.
#[derive(Clone, Debug)]
pub struct BotToken(SecretString);

impl BotToken {
    /// Wraps a token whose form the settings have checked.
    #[must_use]
    pub fn new(token: SecretString) -> Self {
        Self(token)
    }

    /// A token that Telegram refuses, for a service that makes no calls.
    #[must_use]
    pub fn none() -> Self {
        Self("0:none".into())
    }

    /// The id of the bot, which is the public part of the token.
    #[must_use]
    pub fn bot_id(&self) -> BotId {
        let number = self.0.expose_secret().split(':').next().and_then(|number| number.parse().ok());
        // The settings refuse every other token.
        BotId(number.unwrap_or_default())
    }

    /// The webhook secret that is derived from the token: 43 characters of base64url. All instances of a service derive
    /// the same one, so it needs no setting.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes a key of any length.
    #[must_use]
    pub fn webhook_secret(&self) -> SecretString {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).expect("HMAC takes a key of any length");
        mac.update(b"doorbell webhook secret");
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()).into()
    }

    /// The webhook secret of the settings, else the one that is derived from the token.
    #[must_use]
    pub fn effective_webhook_secret(&self, settings: &WebhookSettings) -> SecretString {
        settings.secret_token.clone().unwrap_or_else(|| self.webhook_secret())
    }

    /// The URL of every method of the bot without its name.
    pub(super) fn methods_url(&self, api_url: &str, test_environment: bool) -> Result<Url, ParseError> {
        self.url(api_url, "/bot", test_environment)
    }

    /// The URL of every file of the bot without its path.
    pub(super) fn files_url(&self, api_url: &str, test_environment: bool) -> Result<Url, ParseError> {
        self.url(api_url, "/file/bot", test_environment)
    }

    fn url(&self, api_url: &str, before: &str, test_environment: bool) -> Result<Url, ParseError> {
        let test = if test_environment { "test/" } else { "" };
        Url::parse(&format!("{api_url}{before}{}/{test}", self.0.expose_secret()))
    }

    /// A text from outside that may be shown: without the token and its secret part, without control characters, and
    /// with at most 300 characters.
    pub(super) fn sanitized(&self, text: &str) -> String {
        // Control characters are removed first, because they may be inside the token.
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        self.redacted(&text).chars().take(SANITIZED_LIMIT).collect()
    }

    /// A text from outside without the token and its secret part.
    pub(super) fn redacted(&self, text: &str) -> String {
        let token = self.0.expose_secret();
        let mut text = text.replace(token, REDACTED);
        if let Some((_, secret)) = token.split_once(':')
            && secret.len() >= SHORTEST_SECRET
        {
            // The colon may be written as `%3A`.
            text = text.replace(secret, REDACTED);
        }
        text
    }
}

const REDACTED: &str = "[token]";

/// The secret part of Telegram's tokens has 35 characters. A short one of a test would also match harmless words.
const SHORTEST_SECRET: usize = 16;

const SANITIZED_LIMIT: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_removed_from_a_text_in_every_form() {
        let token = BotToken::new("123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr".to_owned().into());
        for text in [
            "bot123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr/getMe is not found",
            "bot123456%3AAAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr/getMe is not found",
            "bot123456:AAbbCCddEEff\u{0}GGhhIIjjKKllMMnnOOppQQr/getMe is not found",
        ] {
            let sanitized = token.sanitized(text);
            assert!(!sanitized.contains("GGhh") && sanitized.ends_with("/getMe is not found"), "{sanitized}");
        }
    }

    #[test]
    fn a_text_from_outside_becomes_one_short_line() {
        let token = BotToken::new("1:a".to_owned().into());
        assert_eq!(token.sanitized("a\nb\u{1b}[31m"), "ab[31m");
        assert_eq!(token.sanitized(&"x".repeat(5000)).len(), 300);
    }

    #[test]
    fn neither_debug_form_shows_the_token() {
        let token = BotToken::new("123456:CANARY".to_owned().into());
        assert!(!format!("{token:?} {token:#?}").contains("CANARY"));
    }
}
