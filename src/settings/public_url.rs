//! What will do as the service's public URL, locally decided: a registration that Telegram refuses
//! leaves the bot with no webhook at all.

use std::net::Ipv4Addr;

use url::{Host, Url};

use super::describe;
use super::reader::Refusal;

/// What a public URL looks like.
pub(super) const WANTED: &str = "the service's public base URL, such as https://bot.example.org or, where several share a host, \
                                 https://example.org/bot";

/// What Telegram's own Bot API wants beside.
pub(super) const WANTED_BY_TELEGRAM: &str =
    "a URL that Telegram reaches: https, port 443, 80, 88 or 8443, and a public host name or IPv4 address";

/// Ports that Telegram connects to.
const PORTS: [u16; 4] = [443, 80, 88, 8443];

/// Names that no public name server knows.
const LOCAL_NAMES: [&str; 3] = [".localhost", ".local", ".internal"];

/// What the service adds to the base URL: the path of its webhook.
const WEBHOOK_PATH: &str = "/telegram/webhook";

/// Paths at which the service has something else.
const OWN_PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Reads the base: scheme, host, port, and the path below which a proxy leads to this service. There
/// is no slash at its end.
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

/// Whether every proxy and router reads a path alike.
fn is_plain(path: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~');
    path.split('/').skip(1).all(|segment| !segment.is_empty() && segment.bytes().all(plain))
}

/// Whether Telegram's own Bot API can reach a base URL, as far as that can be told from here.
pub(super) fn reachable(base: &str) -> Result<(), Refusal> {
    let url = Url::parse(base).or(Err(Refusal::default()))?;
    if url.scheme() != "https" {
        return Err(Refusal::hint("Telegram speaks https only; a platform or a tunnel puts it before the service"));
    }
    if !url.port_or_known_default().is_some_and(|port| PORTS.contains(&port)) {
        return Err(Refusal::hint(
            "the port is the public one, which a proxy or platform forwards; server.port is another",
        ));
    }
    let hint = match url.host() {
        Some(Host::Ipv6(_)) => "Telegram does not connect to IPv6 addresses",
        Some(Host::Ipv4(address)) if is_reserved(address) => "that address is not reached from the internet",
        Some(Host::Domain(name)) if is_local(name) => "that name is known on your own network only",
        Some(Host::Domain(_) | Host::Ipv4(_)) => return Ok(()),
        None => "a host is missing",
    };
    Err(Refusal::hint(hint))
}

fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    !name.contains('.') || LOCAL_NAMES.iter().any(|local| name.ends_with(local))
}

/// Addresses that the registries of the internet keep for other ends.
fn is_reserved(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // behind a provider's NAT
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19)) // for measurements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_scheme_host_and_port_and_the_path_below_which_the_service_is() {
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
    fn anything_beside_scheme_host_port_and_a_plain_path_is_refused() {
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

    #[test]
    fn telegram_reaches_public_hosts_by_https_on_its_ports() {
        for url in
            ["https://a.example.org", "https://a.example.org:88", "https://a.example.org:80", "https://8.8.8.8:8443"]
        {
            assert!(reachable(url).is_ok(), "{url}");
        }
        for url in [
            "http://a.example.org",
            "https://a.example.org:10000",
            "https://localhost",
            "https://bot",
            "https://a.localhost",
            "https://a.flycast.internal",
            "https://127.0.0.1",
            "https://127.1",
            "https://10.0.0.1",
            "https://172.16.0.1",
            "https://192.168.1.1",
            "https://169.254.1.1",
            "https://100.64.0.1",
            "https://0.0.0.0",
            "https://198.18.0.1",
            "https://255.255.255.255",
            "https://[2606:4700::1]",
            "https://[::1]",
        ] {
            assert!(reachable(url).is_err(), "{url}");
        }
    }
}
