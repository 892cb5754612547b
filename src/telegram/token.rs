use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
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
        self.derived(b"doorbell webhook secret").into()
    }

    /// The secret token that your own bot, as a child process, expects with each update. It is not Telegram's, and is
    /// derived in the same way.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes a key of any length.
    #[must_use]
    pub fn child_webhook_secret(&self) -> SecretString {
        self.derived(b"doorbell webhook secret of the child process").into()
    }

    /// The token that a bot behind the gateway holds instead of this one. It has the form and the bot id of a real token,
    /// so every library accepts it. Telegram refuses it. All instances of a service derive the same one.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes a key of any length.
    #[must_use]
    pub fn stand_in(&self) -> SecretString {
        format!("{}:{}", self.bot_id(), self.stand_in_secret()).into()
    }

    /// The part of the stand-in token after the colon: 35 characters, as in Telegram's tokens.
    fn stand_in_secret(&self) -> String {
        let derived = self.derived(b"doorbell stand-in token");
        format!("AA{}", &derived[..STAND_IN_LENGTH])
    }

    /// 43 characters of base64url, which only a holder of the token can derive.
    fn derived(&self, label: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).expect("HMAC takes a key of any length");
        mac.update(label);
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// The SHA-256 digests of the stand-in token and of this token, for comparisons.
    pub(super) fn digests(&self) -> [[u8; 32]; 2] {
        [&self.stand_in(), &self.0].map(|token| Sha256::digest(token.expose_secret()).into())
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

    /// A text from outside without the token, the stand-in token and their secret parts.
    pub(super) fn redacted(&self, text: &str) -> String {
        let token = self.0.expose_secret();
        let mut text = text.replace(token, REDACTED);
        if let Some((_, secret)) = token.split_once(':')
            && secret.len() >= SHORTEST_SECRET
        {
            // The colon may be written as `%3A`.
            text = text.replace(secret, REDACTED);
        }
        text.replace(&self.stand_in_secret(), REDACTED)
    }
}

const REDACTED: &str = "[token]";

/// The secret part of Telegram's tokens has 35 characters. A short one of a test would also match harmless words.
const SHORTEST_SECRET: usize = 16;

const SANITIZED_LIMIT: usize = 300;

/// The secret part of Telegram's tokens is `AA` and this many characters.
const STAND_IN_LENGTH: usize = 33;

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
    fn the_stand_in_has_the_form_of_a_token_and_is_derived_from_it() {
        let token = |secret: &str| BotToken::new(format!("123456:{secret}").into());
        let stand_in = token("AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr").stand_in();
        let (id, secret) = stand_in.expose_secret().split_once(':').unwrap();
        assert_eq!((id, secret.len()), ("123456", 35));
        assert!(secret.starts_with("AA"), "{secret}");
        assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')), "{secret}");
        let other = token("AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQs").stand_in();
        assert_ne!(stand_in.expose_secret(), other.expose_secret());
    }

    #[test]
    fn the_stand_in_is_removed_from_a_text_in_every_form() {
        let token = BotToken::new("123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr".to_owned().into());
        let stand_in = token.stand_in();
        let secret = stand_in.expose_secret().split_once(':').unwrap().1;
        for text in [format!("bot123456:{secret}/getMe"), format!("bot123456%3A{secret}/getMe")] {
            assert!(!token.sanitized(&text).contains(secret), "{text}");
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
