use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use schemars::JsonSchema;
use secrecy::SecretString;
use toml::Value;

use crate::settings::platform::Platform;
use crate::settings::problem::Refusal;
use crate::settings::public_url;
use crate::settings::reader::{Reader, YEAR};
use crate::settings::{describe, keys};
use crate::telegram::{SECRET_TOKEN_FORM, is_secret_token};
use crate::update::Kind;

/// `[webhook]`: what is registered with Telegram, and which requests are accepted.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WebhookSettings {
    /// The service's public base URL, without a slash at its end. If it is not set, the platform's is used. A proxy may
    /// forward requests below a path of it.
    #[schemars(with = "String")]
    pub public_url: Option<String>,
    /// The secret token. If it is not set, it is derived from the bot token.
    #[schemars(with = "String")]
    pub secret_token: Option<SecretString>,
    /// A former secret token that is still accepted.
    #[schemars(with = "String")]
    pub previous_secret_token: Option<SecretString>,
    /// The types of updates to receive; empty means Telegram's default.
    pub allowed_updates: Vec<String>,
    /// Whether the operator has set `allowed_updates`. Otherwise a bot behind the gateway chooses them.
    #[schemars(skip)]
    pub allowed_updates_are_set: bool,
    /// The most connections Telegram opens at once, 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub max_connections: u32,
    /// Whether the first registration of each start drops the updates that wait at Telegram.
    pub drop_pending_updates: bool,
    /// Whether the service registers its webhook.
    pub register: bool,
    /// When a webhook of another host is taken over.
    pub takeover: Takeover,
    /// How often the registration is checked.
    #[schemars(with = "String")]
    pub watch_interval: Duration,
    /// What happens to updates with a valid secret token from an address that is not Telegram's.
    pub source_check: SourceMode,
    /// The addresses from which updates come.
    #[schemars(with = "Vec<String>")]
    pub source_ranges: Vec<IpNet>,
    /// The header in which the proxy writes the client's address; the platform's when not set.
    #[schemars(with = "String")]
    pub source_header: Option<HeaderName>,
}

/// What happens to updates with a valid secret token from an address that is not Telegram's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum SourceMode {
    /// The address is not checked.
    Off,
    /// They are counted and accepted.
    Report,
    /// They are refused, like those whose address is unknown.
    Enforce,
}

/// When a webhook of another host is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Takeover {
    /// By the production service of a recognised platform only.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

const ALLOWED_UPDATES: &str = "a list of kinds of updates, such as [\"message\", \"callback_query\"]";

impl WebhookSettings {
    /// Reads the section. `public_api`: whether Telegram's own Bot API must reach the public URL.
    pub(in crate::settings) fn read(from: &mut Reader, public_api: bool, platform: &Platform) -> Self {
        let public_url = from.optional("webhook.public_url", public_url::WANTED, public_url::base);
        let settings = Self {
            secret_token: from.token("webhook.secret_token", SECRET_TOKEN_FORM, secret_token),
            previous_secret_token: from.token("webhook.previous_secret_token", SECRET_TOKEN_FORM, secret_token),
            allowed_updates: from.value("webhook.allowed_updates", ALLOWED_UPDATES, kinds),
            allowed_updates_are_set: from.is_set("webhook.allowed_updates"),
            max_connections: from.whole("webhook.max_connections", 1..=100),
            drop_pending_updates: from.flag("webhook.drop_pending_updates"),
            register: from.flag("webhook.register"),
            takeover: from.choice(
                "webhook.takeover",
                &[("auto", Takeover::Auto), ("always", Takeover::Always), ("never", Takeover::Never)],
            ),
            watch_interval: from.duration("webhook.watch_interval", Duration::from_secs(1)..=YEAR),
            source_check: from.choice(
                "webhook.source_check",
                &[("off", SourceMode::Off), ("report", SourceMode::Report), ("enforce", SourceMode::Enforce)],
            ),
            source_ranges: from.value(
                "webhook.source_ranges",
                "a list of ranges of addresses, such as [\"149.154.160.0/20\"]",
                ranges,
            ),
            source_header: from.optional("webhook.source_header", "the name of a header, such as x-real-ip", |name| {
                name.trim().parse().or(Err(Refusal::default()))
            }),
            public_url,
        };
        for unknown in settings.allowed_updates.iter().filter(|kind| !is_known(kind)) {
            // A later version of the Bot API may have a kind of this name.
            from.warn("webhook.allowed_updates", ALLOWED_UPDATES, unknown_kind(unknown));
        }
        let source_is_known = settings.source_header.is_some() || platform.client_address.is_some();
        if settings.source_check == SourceMode::Enforce && !source_is_known {
            from.refuse(
                "webhook.source_check",
                "\"off\" or \"report\", where no header tells the client's address",
                Refusal::hint("set webhook.source_header to the header in which the proxy in front writes it"),
            );
        }
        if public_api
            && settings.register
            && let Some(url) = &settings.public_url
            && let Err(refusal) = public_url::reachable(url)
        {
            from.refuse("webhook.public_url", public_url::WANTED_BY_TELEGRAM, refusal);
        }
        settings
    }
}

fn secret_token(token: &str) -> Result<(), Refusal> {
    Refusal::unless(is_secret_token(token))
}

fn ranges(value: &Value) -> Result<Vec<IpNet>, Refusal> {
    let ranges = value.as_array().filter(|ranges| !ranges.is_empty()).ok_or_else(Refusal::default)?;
    let range = |range: &Value| range.as_str()?.trim().parse().ok();
    ranges.iter().map(|value| range(value).ok_or_else(Refusal::default)).collect()
}

/// The names of kinds, in Telegram's spelling. Telegram ignores unknown names, and sends its default when it knows
/// none of them. That is always a mistake.
fn kinds(value: &Value) -> Result<Vec<String>, Refusal> {
    let kinds = value.as_array().into_iter().flatten();
    let kinds = kinds.map(|kind| Some(kind.as_str()?.to_ascii_lowercase())).collect::<Option<Vec<_>>>();
    let kinds = kinds.ok_or_else(Refusal::default)?;
    match kinds.first() {
        Some(first) if !kinds.iter().any(|kind| is_known(kind)) => Err(unknown_kind(first)),
        Some(_) | None => Ok(kinds),
    }
}

/// Describes each name that is no known kind of update, with the nearest known one: such as `the unknown kind
/// "mesage"; the nearest is "message"`.
#[must_use]
pub fn unknown_kinds(kinds: &[String]) -> Vec<String> {
    let unknown = kinds.iter().filter(|kind| !is_known(kind)).map(|kind| unknown_kind(kind));
    unknown.map(|Refusal { found, hint }| found.into_iter().chain(hint).collect::<Vec<_>>().join("; ")).collect()
}

pub(super) fn is_known(kind: &str) -> bool {
    Kind::known().any(|known| known == kind)
}

pub(super) fn unknown_kind(kind: &str) -> Refusal {
    let hint = keys::nearest(kind, Kind::known()).map(|nearest| format!("the nearest is \"{nearest}\""));
    Refusal { hint, ..Refusal::found(format!("the unknown kind \"{}\"", describe::text(kind))) }
}
