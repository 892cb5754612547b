use schemars::JsonSchema;
use secrecy::SecretString;
use url::Url;

use crate::settings::describe;
use crate::settings::effective::Shown;
use crate::settings::problem::Refusal;
use crate::settings::proxy::{self, Proxy};
use crate::settings::reader::Reader;
use crate::telegram::is_public_api;

/// `[telegram]`: the bot and the Bot API.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TelegramSettings {
    /// The token from `BotFather`. Its form is valid.
    #[schemars(with = "String")]
    pub bot_token: Option<SecretString>,
    /// The Bot API's base URL, without a slash at its end.
    pub api_url: String,
    /// The proxy for calls. It is not used for a Bot API on this machine.
    #[schemars(with = "String")]
    pub proxy: Option<Proxy>,
    /// Whether the bot belongs to Telegram's test environment.
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

    /// Whether the Bot API is Telegram's own, which sends updates only to addresses on the internet.
    #[must_use]
    pub fn is_public_api(&self) -> bool {
        is_public_api(&self.api_url)
    }
}

/// The valid form of a bot token.
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
        return Err(Refusal::new(describe::url(&url), "the service adds /bot<token>/<method> itself"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The base URL of a service that is called: http or https, and no secret in it.
pub(super) fn base_url(text: &str) -> Result<Url, Refusal> {
    if describe::is_misleading(text) {
        return Err(describe::misleading());
    }
    let url = Url::parse(text.trim()).or(Err(Refusal::default()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::hint("write http:// or https:// before it"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(Refusal::found(describe::url(&url)));
    }
    Ok(url)
}
