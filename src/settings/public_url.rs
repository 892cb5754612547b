//! The rules for public URLs. They are checked before Telegram is called, because a refused
//! `setWebhook` leaves the bot without a webhook.

use url::Url;

use super::describe;
use super::problem::Refusal;
use crate::telegram::{UrlFault, WEBHOOK_PATH};

/// The form of a public URL.
pub(super) const WANTED: &str = "the service's public base URL, such as https://bot.example.org or, where several share a host, \
                                 https://example.org/bot";

/// What Telegram's own Bot API requires in addition.
pub(super) const WANTED_BY_TELEGRAM: &str =
    "a URL that Telegram reaches: https, port 443, 80, 88 or 8443, and a public host name or IPv4 address";

/// Paths that the service itself answers.
const OWN_PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Reads scheme, host, port, and the path below which a proxy forwards to this service. The result has no slash
/// at its end.
pub(super) fn base(text: &str) -> Result<String, Refusal> {
    if describe::is_misleading(text) {
        return Err(describe::misleading());
    }
    let text = text.trim();
    let scheme_missing = || Refusal::hint("write https:// before it");
    let Some(url) = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return Err(if text.contains("://") { Refusal::default() } else { scheme_missing() });
    };
    let found = Some(describe::url(&url));
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(Refusal { found, hint: None });
    }
    let base = url.as_str().trim_end_matches('/').to_owned();
    let refused = |hint: &str| Err(Refusal { found: found.clone(), hint: Some(hint.to_owned()) });
    match url.path().trim_end_matches('/') {
        "" => Ok(base),
        path if path.ends_with(WEBHOOK_PATH) => refused("the service adds /telegram/webhook itself"),
        path if describe::looks_secret(&path.replace("%3A", ":")) => refused(LIKE_A_TOKEN),
        path if !is_plain(path) => refused(NOT_PLAIN),
        path if OWN_PATHS.contains(&path) => refused("the service answers that path itself; use another one"),
        _ => Ok(base),
    }
}

const LIKE_A_TOKEN: &str = "the path looks like a bot token, which must not be in a URL; the secret token protects the \
                            webhook";
const NOT_PLAIN: &str = "a path is made of letters, digits and - . _ ~ between single slashes";

/// Whether every proxy and router reads the path in the same way.
fn is_plain(path: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~');
    path.split('/').skip(1).all(|segment| !segment.is_empty() && segment.bytes().all(plain))
}

/// Refuses a base URL that Telegram's own Bot API cannot reach, as far as this can be decided without the network.
pub(super) fn reachable(base: &str) -> Result<(), Refusal> {
    let url = Url::parse(base).or(Err(Refusal::default()))?;
    UrlFault::of(&url).first().map_or(Ok(()), |fault| Err(Refusal::hint(fault.hint())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_has_scheme_host_port_and_a_path() {
        for (text, url) in [
            ("https://bot.example.org", "https://bot.example.org"),
            ("https://Bot.Example.org/", "https://bot.example.org"),
            (" https://bot.example.org:443 ", "https://bot.example.org"),
            ("https://bot.example.org:8443", "https://bot.example.org:8443"),
            ("http://localhost:10000", "http://localhost:10000"),
            ("https://example.org/bot", "https://example.org/bot"),
            ("https://example.org/bots/shop-1.a_b~/", "https://example.org/bots/shop-1.a_b~"),
            ("https://example.org/a/../bot", "https://example.org/bot"),
        ] {
            assert_eq!(base(text).unwrap(), url);
        }
    }

    #[test]
    fn a_public_url_with_anything_else_is_refused() {
        for (text, hint) in [
            ("bot.example.org", Some("write https:// before it")),
            ("bot.example.org:8443", Some("write https:// before it")),
            ("https://bot.example.org/telegram/webhook", Some("the service adds /telegram/webhook itself")),
            ("https://bot.example.org/bot/telegram/webhook/", Some("the service adds /telegram/webhook itself")),
            ("https://bot.example.org/healthz", Some("the service answers that path itself; use another one")),
            ("https://bot.example.org/{bot}", Some(NOT_PLAIN)),
            ("https://bot.example.org/a//b", Some(NOT_PLAIN)),
            ("https://bot.example.org/a b", Some(NOT_PLAIN)),
            ("https://bot.example.org/\u{431}\u{43e}\u{442}", Some(NOT_PLAIN)),
            ("https://bot.example.org/123456789:AAtestThisIsNoTokenOfAnyBot000000", Some(LIKE_A_TOKEN)),
            ("https://bot.example.org/bot123456789%3AAAtestThisIsNoTokenOfAnyBot000000", Some(LIKE_A_TOKEN)),
            ("https://bot.example.org/?a", None),
            ("https://bot.example.org/#a", None),
            ("https://me:s3cr3t@bot.example.org", None),
            ("ftp://bot.example.org", None),
            ("https://", None),
        ] {
            let refusal = base(text).unwrap_err();
            assert_eq!(refusal.hint.as_deref(), hint, "{text}");
            let found = refusal.found.unwrap_or_default();
            assert!(!found.contains("s3cr3t") && !found.contains("NoToken"), "{found}");
        }
    }
}
