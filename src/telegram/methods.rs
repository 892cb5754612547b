use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The bot, as `getMe` describes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Me {
    /// The bot's id.
    pub id: i64,
    /// Its username, without `@`.
    #[serde(default)]
    pub username: String,
    /// Its display name.
    #[serde(default)]
    pub first_name: String,
}

/// The answer of `getWebhookInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookInfo {
    /// Where Telegram sends updates. It is empty when there is no webhook.
    pub url: String,
    /// How many updates wait at Telegram, including those that are being delivered.
    pub pending_update_count: u64,
    /// When the last delivery failed, in seconds of Unix time. Telegram keeps it after the deliveries succeed again.
    pub last_error_date: Option<i64>,
    /// Why the last delivery failed.
    pub last_error_message: Option<String>,
    /// When Telegram's servers last failed to synchronise with its data centres, in seconds of Unix time.
    pub last_synchronization_error_date: Option<i64>,
    /// The largest number of connections that Telegram opens at once.
    pub max_connections: Option<u32>,
    /// The address to which Telegram connects.
    pub ip_address: Option<String>,
    /// The kinds of updates that Telegram sends. It is absent for the default.
    pub allowed_updates: Option<Vec<String>>,
    /// Whether a certificate was uploaded.
    pub has_custom_certificate: bool,
}

impl WebhookInfo {
    /// When the last delivery failed.
    #[must_use]
    pub fn last_error_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.last_error_date?).ok()
    }
}

/// The parameters of `setWebhook`.
#[derive(Clone, Debug)]
pub struct SetWebhook {
    /// Where Telegram must send updates.
    pub url: String,
    /// What Telegram sends with each update to prove that it is Telegram.
    pub secret_token: SecretString,
    /// The kinds of updates that Telegram must send. An empty list stands for Telegram's default.
    pub allowed_updates: Vec<String>,
    /// The largest number of connections at once, 1 to 100.
    pub max_connections: u32,
    /// Whether Telegram must discard the updates that wait for delivery.
    pub drop_pending_updates: bool,
}

impl SetWebhook {
    /// A text from outside without the secret token.
    pub(super) fn redacted(&self, text: &str) -> String {
        let secret = self.secret_token.expose_secret();
        if secret.is_empty() { text.to_owned() } else { text.replace(secret, "[secret]") }
    }

    /// The parameters as JSON. Every parameter is sent, because Telegram keeps the old `allowed_updates` and removes the
    /// `secret_token` where they are absent.
    pub(super) fn params(&self) -> Value {
        let mut params = json!({
            "url": self.url,
            "secret_token": self.secret_token.expose_secret(),
            "allowed_updates": self.allowed_updates,
            "max_connections": self.max_connections,
        });
        if self.drop_pending_updates {
            params["drop_pending_updates"] = Value::Bool(true);
        }
        params
    }
}
