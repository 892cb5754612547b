use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// What `getMe` says of the bot.
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

/// What `getWebhookInfo` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookInfo {
    /// Where updates are sent; empty when there is no webhook.
    pub url: String,
    /// Updates that wait at Telegram, those in flight among them.
    pub pending_update_count: u64,
    /// When the last delivery failed, in seconds of Unix time. It stays after recovery.
    pub last_error_date: Option<i64>,
    /// How it failed.
    pub last_error_message: Option<String>,
    /// When Telegram was last cut off from its own data centres, in seconds of Unix time.
    pub last_synchronization_error_date: Option<i64>,
    /// The most connections Telegram opens at once.
    pub max_connections: Option<u32>,
    /// The address Telegram connects to.
    pub ip_address: Option<String>,
    /// The kinds of updates it sends; absent when they are the default.
    pub allowed_updates: Option<Vec<String>>,
    /// Whether a certificate was uploaded.
    pub has_custom_certificate: bool,
}

/// The parameters of `setWebhook`.
#[derive(Clone, Debug)]
pub struct SetWebhook {
    /// Where updates shall be sent.
    pub url: String,
    /// What Telegram sends with each, to show that it is Telegram.
    pub secret_token: SecretString,
    /// The kinds of updates wanted; empty for Telegram's default.
    pub allowed_updates: Vec<String>,
    /// The most connections at once, 1 to 100.
    pub max_connections: u32,
    /// Whether what waits at Telegram is thrown away.
    pub drop_pending_updates: bool,
}

impl SetWebhook {
    /// The parameters as Telegram reads them. All that can be said is said: what is left out keeps
    /// (`allowed_updates`) or loses (`secret_token`) its former value. An empty list of kinds asks
    /// for the default.
    pub(super) fn wire(&self) -> impl Serialize + '_ {
        SetWebhookWire {
            url: &self.url,
            secret_token: self.secret_token.expose_secret(),
            allowed_updates: &self.allowed_updates,
            max_connections: self.max_connections,
            drop_pending_updates: self.drop_pending_updates,
        }
    }
}

#[derive(Serialize)]
struct SetWebhookWire<'a> {
    url: &'a str,
    secret_token: &'a str,
    allowed_updates: &'a [String],
    max_connections: u32,
    #[serde(skip_serializing_if = "is_false")]
    drop_pending_updates: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
