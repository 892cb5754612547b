use schemars::JsonSchema;
use secrecy::SecretString;
use url::Url;

use crate::settings::describe;
use crate::settings::in_force::Shown;
use crate::settings::proxy::{self, Proxy};
use crate::settings::reader::{Reader, Refusal};

/// The host of the Bot API that Telegram runs itself.
const PUBLIC_API: &str = "api.telegram.org";

/// `[telegram]`: the bot and the Bot API.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TelegramSettings {
    /// The token `BotFather` gave; its form has been checked.
    #[schemars(with = "String")]
    pub bot_token: Option<SecretString>,
    /// The Bot API's base URL, without a slash at its end.
    pub api_url: String,
    /// The proxy that calls go through; none where the Bot API is on this machine.
    #[schemars(with = "String")]
    pub proxy: Option<Proxy>,
    /// Whether the bot lives in Telegram's test environment.
    pub test_environment: bool,
}

impl TelegramSettings {
    /// The settings for a Bot API at this URL, the rest not set.
    #[must_use]
    pub fn at(api_url: &str) -> Self {
        Self { bot_token: None, api_url: api_url.to_owned(), proxy: None, test_environment: false }
    }

    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        let bot_token = from.token("telegram.bot_token", BOT_TOKEN, bot_token);
        let api_url =
            from.text("telegram.api_url", "the base URL of a Bot API, such as https://api.telegram.org", api_url);
        let shown = |proxy: &Option<Proxy>| proxy.as_ref().map_or(Shown::NotSet, Proxy::shown);
        let proxy = from.secret("telegram.proxy", proxy::WANTED, proxy::read, shown).flatten();
        let proxy = proxy.filter(|_| !proxy::is_loopback(&api_url));
        Self { bot_token, api_url, proxy, test_environment: from.flag("telegram.test_environment") }
    }

    /// Whether the Bot API is Telegram's own, which insists on what can be reached from the internet.
    #[must_use]
    pub fn is_public_api(&self) -> bool {
        public_host(&self.api_url).is_some()
    }
}

/// The host of a base URL, if that is Telegram's own Bot API.
pub(in crate::settings) fn public_host(api_url: &str) -> Option<&'static str> {
    let is_public = Url::parse(api_url.trim()).is_ok_and(|url| url.host_str() == Some(PUBLIC_API));
    is_public.then_some(PUBLIC_API)
}

/// What a bot token looks like.
pub(in crate::settings) const BOT_TOKEN: &str =
    "the token from @BotFather: digits, a colon, and 24 or more of A-Z a-z 0-9 _ -, 80 characters at most";

fn bot_token(token: &str) -> Result<(), Refusal> {
    let seen = describe::secret(token);
    let refused = |more: &str| Refusal { found: Some(format!("{seen}{more}")), hint: hint(token) };
    let Some((id, hash)) = token.split_once(':') else { return Err(refused("; no colon is among them")) };
    let id_is_one = !id.starts_with(['0', '+', '-']) && id.parse::<i64>().is_ok();
    let hash_is_one = hash.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'));
    match (id_is_one, hash_is_one) {
        (false, _) => Err(refused("; what stands before the colon is not the number of a bot")),
        (true, false) => Err(refused("; after the colon stand characters that no token has")),
        (true, true) if hash.len() < 24 => Err(refused("; too few of them stand after the colon")),
        (true, true) if token.len() > 80 => Err(refused("")),
        (true, true) => Ok(()),
    }
}

fn hint(token: &str) -> Option<String> {
    if token.trim() != token {
        Some("remove the white space or line break around the token".to_owned())
    } else if token.starts_with(['"', '\'']) {
        Some("remove the quotation marks around the token".to_owned())
    } else if token.starts_with("bot") {
        Some("the token begins after the word \"bot\" of the URL".to_owned())
    } else {
        None
    }
}

fn api_url(text: &str) -> Result<String, Refusal> {
    let url = base_url(text)?;
    if url.path().contains("/bot") {
        let hint = "the service adds /bot<token>/<method> itself".to_owned();
        return Err(Refusal { found: Some(describe::url(&url)), hint: Some(hint) });
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The base URL of a service that we call: http or https, and nothing in it that is a secret.
pub(super) fn base_url(text: &str) -> Result<Url, Refusal> {
    if describe::is_misleading(text) {
        return Err(describe::misleading());
    }
    let url = Url::parse(text.trim()).or(Err(Refusal::default()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal { found: None, hint: Some("write http:// or https:// before it".to_owned()) });
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(Refusal::found(describe::url(&url)));
    }
    Ok(url)
}
