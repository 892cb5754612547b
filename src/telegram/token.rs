use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The token that is the bot: whoever has it, is it. It leaves this room in no form.
#[derive(Clone, Debug)]
pub struct BotToken(SecretString);

impl BotToken {
    /// Takes a token whose form the settings have checked.
    #[must_use]
    pub fn new(token: SecretString) -> Self {
        Self(token)
    }

    /// The number of the bot, the part of the token that is no secret.
    #[must_use]
    pub fn bot_id(&self) -> &str {
        self.0.expose_secret().split(':').next().unwrap_or_default()
    }

    /// The webhook secret that follows from the token, so that all instances of a service agree on
    /// it without a setting: 43 characters of base64url.
    #[must_use]
    pub fn webhook_secret(&self) -> SecretString {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).expect("HMAC takes a key of any length");
        mac.update(b"doorbell webhook secret");
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()).into()
    }

    /// The URL of a method.
    pub(super) fn method_url(&self, api_url: &str, method: &str) -> String {
        format!("{api_url}/bot{}/{method}", self.0.expose_secret())
    }
}
