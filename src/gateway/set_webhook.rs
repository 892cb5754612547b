use jiff::Timestamp;
use url::Url;

use super::params::Params;
use super::refusal::Refusal;
use crate::handler::forward::Target;
use crate::telegram::is_secret_token;

/// The parameters of a bot's `setWebhook` that Doorbell obeys. `certificate` and `ip_address` are not read.
pub(super) struct SetWebhook {
    /// Exactly as the bot wrote it.
    url: String,
    secret_token: Option<String>,
    allowed_updates: Option<Vec<String>>,
    max_connections: Option<u32>,
}

/// The Bot API takes 1 to 100 connections.
const CONNECTIONS: (u32, u32) = (1, 100);
/// More kinds of updates than the Bot API has, and longer names.
const MOST_KINDS: usize = 100;
const LONGEST_KIND: usize = 64;

impl SetWebhook {
    /// Reads the parameters. `None` if the URL is empty, which means `deleteWebhook`.
    ///
    /// # Errors
    ///
    /// The response to a URL or a secret token that no update could be sent with.
    pub(super) fn read(params: &Params) -> Result<Option<Self>, Refusal> {
        let url = params.text("url").unwrap_or_default().into_owned();
        if url.trim().is_empty() {
            return Ok(None);
        }
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
        if !Url::parse(&url).is_ok_and(|url| is_http(&url)) {
            return Err(Refusal::bad_request("bad webhook: the URL must begin with http:// or https:// and a host"));
        }
        let secret_token = params.text("secret_token").map(String::from).filter(|secret| !secret.is_empty());
        if secret_token.as_deref().is_some_and(|secret| !is_secret_token(secret)) {
            return Err(Refusal::bad_request("secret token must be 1 to 256 of the characters A-Z a-z 0-9 _ -"));
        }
        let max_connections = params.text("max_connections").and_then(|text| text.trim().parse::<u32>().ok());
        Ok(Some(Self {
            url,
            secret_token,
            allowed_updates: params.list("allowed_updates").map(kinds),
            max_connections: max_connections.map(|most| most.clamp(CONNECTIONS.0, CONNECTIONS.1)),
        }))
    }

    /// The host and the port for the log. The rest of the URL is often a secret.
    pub(super) fn host(&self) -> String {
        let url = Url::parse(&self.url).ok();
        let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
        host.map(|(host, port)| format!("{host}:{port}")).unwrap_or_default()
    }

    /// The new target. Kinds of updates that are not given stay as they were.
    pub(super) fn into_target(self, before: Option<Target>, now: Timestamp) -> Target {
        let Self { url, secret_token, allowed_updates, max_connections } = self;
        let after = before.as_ref().map_or(i64::MIN, |before| before.set_at.saturating_add(1));
        let set_at = now.as_millisecond().max(after);
        let allowed_updates = allowed_updates.or_else(|| before?.allowed_updates);
        Target { url, secret_token, allowed_updates, max_connections, set_at, is_paused: false }
    }
}

/// The names that can be kinds of updates. The Bot API reads past the others.
fn kinds(names: Vec<String>) -> Vec<String> {
    let is_kind = |name: &String| {
        !name.is_empty()
            && name.len() <= LONGEST_KIND
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    names.into_iter().filter(is_kind).take(MOST_KINDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(query: &str, before: Option<Target>) -> Option<Target> {
        let read = SetWebhook::read(&Params::of_query(Some(query)));
        read.unwrap().map(|webhook| webhook.into_target(before, Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn the_target_is_what_the_bot_wrote() {
        let url = "https://Bot.example:8443/a%2Fb/123:AA?x=1";
        let query = format!(
            "url={}&secret_token=a-B_1&max_connections=500&allowed_updates=%5B%22message%22%2C%22x%20y%22%5D",
            url.replace('%', "%25")
        );
        let target = target(&query, None).unwrap();
        assert_eq!(target.url, url);
        assert_eq!(target.secret_token.as_deref(), Some("a-B_1"));
        assert_eq!((target.max_connections, target.is_paused), (Some(100), false));
        assert_eq!(target.allowed_updates, Some(vec!["message".to_owned()]));
    }

    #[test]
    fn kinds_of_updates_that_are_not_given_stay_and_other_parameters_do_not() {
        let first = target("url=http://a/&secret_token=s&max_connections=3&allowed_updates=[%22poll%22]", None);
        let second = target("url=http://b/", first.clone()).unwrap();
        assert_eq!((second.secret_token, second.max_connections), (None, None));
        assert_eq!(second.allowed_updates, Some(vec!["poll".to_owned()]));
        assert!(second.set_at > first.as_ref().unwrap().set_at, "also by a clock that stands still");
        assert_eq!(target("url=http://b/&allowed_updates=[]", first).unwrap().allowed_updates, Some(Vec::new()));
    }

    #[test]
    fn an_empty_url_means_no_webhook_and_what_cannot_be_used_is_refused() {
        assert_eq!(target("", None), None);
        assert_eq!(target("url=%20", None), None);
        for query in ["url=bot.example/a", "url=ftp://a/", "url=http://a/&secret_token=a%20b"] {
            assert!(SetWebhook::read(&Params::of_query(Some(query))).is_err(), "{query}");
        }
    }
}
