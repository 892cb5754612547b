use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use url::{ParseError, Url};

use crate::settings::WebhookSettings;

/// The number of a bot, by which Telegram and its users know it: no secret, and the same for every token that the bot ever
/// has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BotId(pub i64);

impl fmt::Display for BotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The token that is the bot: whoever has it, is it. It leaves this room in no form.
#[derive(Clone, Debug)]
pub struct BotToken(SecretString);

impl BotToken {
    /// Takes a token whose form the settings have checked.
    #[must_use]
    pub fn new(token: SecretString) -> Self {
        Self(token)
    }

    /// The token of no bot, for a service that makes no calls: Telegram would refuse it.
    #[must_use]
    pub fn none() -> Self {
        Self("0:none".into())
    }

    /// The number of the bot, the part of the token that is no secret.
    #[must_use]
    pub fn bot_id(&self) -> BotId {
        let number = self.0.expose_secret().split(':').next().and_then(|number| number.parse().ok());
        // The settings let no other token through.
        BotId(number.unwrap_or_default())
    }

    /// The webhook secret that follows from the token, so that all instances of a service agree on
    /// it without a setting: 43 characters of base64url.
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

    /// The webhook secret in force: the one that was set, else the one that follows from the token.
    #[must_use]
    pub fn secret_in_force(&self, settings: &WebhookSettings) -> SecretString {
        settings.secret_token.clone().unwrap_or_else(|| self.webhook_secret())
    }

    /// The URL that the methods of this bot are below.
    pub(super) fn methods_url(&self, api_url: &str, test_environment: bool) -> Result<Url, ParseError> {
        let test = if test_environment { "test/" } else { "" };
        Url::parse(&format!("{api_url}/bot{}/{test}", self.0.expose_secret()))
    }

    /// A text from outside as it may be shown: without the token or its secret part, without
    /// control characters, and of 300 characters at most.
    pub(super) fn erased(&self, text: &str) -> String {
        // In this order: control characters may stand between those of the token.
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        self.hidden(&text).chars().take(SHOWN_MOST).collect()
    }

    /// A text from outside without the token or its secret part.
    pub(super) fn hidden(&self, text: &str) -> String {
        let token = self.0.expose_secret();
        let mut text = text.replace(token, ERASED);
        if let Some((_, secret)) = token.split_once(':')
            && secret.len() >= SECRET_LEAST
        {
            // Also where the colon was written as `%3A`.
            text = text.replace(secret, ERASED);
        }
        text
    }
}

const ERASED: &str = "[token]";

/// Telegram's are 35 characters; a short one of a test would be found in innocent words.
const SECRET_LEAST: usize = 16;

const SHOWN_MOST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_erased_from_a_text_in_every_form() {
        let token = BotToken::new("123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr".to_owned().into());
        for text in [
            "bot123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr/getMe is not found",
            "bot123456%3AAAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr/getMe is not found",
            "bot123456:AAbbCCddEEff\u{0}GGhhIIjjKKllMMnnOOppQQr/getMe is not found",
        ] {
            let erased = token.erased(text);
            assert!(!erased.contains("GGhh") && erased.ends_with("/getMe is not found"), "{erased}");
        }
    }

    #[test]
    fn a_text_from_outside_is_one_short_line() {
        let token = BotToken::new("1:a".to_owned().into());
        assert_eq!(token.erased("a\nb\u{1b}[31m"), "ab[31m");
        assert_eq!(token.erased(&"x".repeat(5000)).len(), 300);
    }

    #[test]
    fn neither_debug_form_shows_the_token() {
        let token = BotToken::new("123456:CANARY".to_owned().into());
        assert!(!format!("{token:?} {token:#?}").contains("CANARY"));
    }
}
