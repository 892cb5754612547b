//! What will do as the service's public URL, locally decided: a registration that Telegram refuses
//! leaves the bot with no webhook at all.

use std::net::Ipv4Addr;

use url::{Host, Url};

use super::describe;
use super::reader::Refusal;

/// What a public URL looks like.
pub(super) const WANTED: &str = "the service's public base URL, without a path, such as https://bot.example.org";

/// What Telegram's own Bot API wants beside.
pub(super) const WANTED_BY_TELEGRAM: &str =
    "a URL that Telegram reaches: https, port 443, 80, 88 or 8443, and a public host name or IPv4 address";

/// Ports that Telegram connects to.
const PORTS: [u16; 4] = [443, 80, 88, 8443];

/// Names that no public name server knows.
const LOCAL_NAMES: [&str; 3] = [".localhost", ".local", ".internal"];

/// Reads the base: scheme, host and port.
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
    if !matches!(url.path(), "" | "/") {
        return Err(Refusal { found, hint: Some("the service adds /telegram/webhook itself".to_owned()) });
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
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
    fn a_public_url_is_scheme_host_and_port() {
        for (text, url) in [
            ("https://bot.example.org", "https://bot.example.org"),
            ("https://Bot.Example.org/", "https://bot.example.org"),
            (" https://bot.example.org:443 ", "https://bot.example.org"),
            ("https://bot.example.org:8443", "https://bot.example.org:8443"),
            ("http://localhost:10000", "http://localhost:10000"),
        ] {
            assert_eq!(base(text).unwrap(), url);
        }
    }

    #[test]
    fn anything_beside_scheme_host_and_port_is_refused() {
        for (text, hint) in [
            ("bot.example.org", Some("write https:// before it")),
            ("bot.example.org:8443", Some("write https:// before it")),
            ("https://bot.example.org/telegram/webhook", Some("the service adds /telegram/webhook itself")),
            ("https://bot.example.org/?a", None),
            ("https://bot.example.org/#a", None),
            ("https://me:s3cr3t@bot.example.org", None),
            ("ftp://bot.example.org", None),
            ("https://", None),
        ] {
            let refusal = base(text).unwrap_err();
            assert_eq!(refusal.hint.as_deref(), hint, "{text}");
            assert!(!refusal.found.unwrap_or_default().contains("s3cr3t"));
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
