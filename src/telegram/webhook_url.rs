//! What Telegram requires of a webhook: its URL, its secret token, and the addresses that it reaches.
//!
//! Settings, registrar, doctor and sandbox ask here, so that they agree. Everything here is about
//! Telegram's own Bot API: a Bot API server of one's own may send updates to any address.

use std::fmt;
use std::net::Ipv4Addr;

use http::HeaderName;
use url::{Host, Url};

/// The host of the Bot API that Telegram runs itself.
pub const PUBLIC_API_HOST: &str = "api.telegram.org";

/// The path of the webhook below the public URL.
pub const WEBHOOK_PATH: &str = "/telegram/webhook";

/// The header in which Telegram sends the secret token.
pub const SECRET_HEADER: HeaderName = HeaderName::from_static("x-telegram-bot-api-secret-token");

/// The same header in the letters that Telegram's sender uses.
pub const SECRET_HEADER_AS_SENT: &str = "X-Telegram-Bot-Api-Secret-Token";

/// What a secret token consists of.
pub const SECRET_TOKEN_FORM: &str = "1 to 256 of A-Z a-z 0-9 _ -";

/// The ports to which Telegram sends updates.
const PORTS: [u16; 4] = [443, 80, 88, 8443];

/// Names that no public name server resolves end in these.
const LOCAL_NAMES: [&str; 4] = [".localhost", ".local", ".internal", ".lan"];

/// Whether the base URL of a Bot API leads to Telegram's own.
#[must_use]
pub fn is_public_api(api_url: &str) -> bool {
    Url::parse(api_url.trim()).is_ok_and(|url| url.host_str() == Some(PUBLIC_API_HOST))
}

/// Whether Telegram accepts this text as a secret token.
#[must_use]
pub fn is_secret_token(token: &str) -> bool {
    (1..=256).contains(&token.len()) && token.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
}

/// Why Telegram cannot deliver updates to a URL. The text is a clause about the public URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// The scheme is not https.
    Scheme(String),
    /// Telegram does not connect to this port.
    Port(u16),
    /// The host is an IPv6 address.
    Ipv6,
    /// The address is not reachable from the internet.
    ReservedAddress(Ipv4Addr),
    /// Only this machine or its network knows the name.
    LocalName(String),
    /// The URL has no host.
    NoHost,
}

impl UrlFault {
    /// Everything that keeps Telegram from reaching `url`, as far as this can be decided without the
    /// network. Empty when nothing does.
    #[must_use]
    pub fn of(url: &Url) -> Vec<Self> {
        let scheme = (url.scheme() != "https").then(|| Self::Scheme(url.scheme().to_owned()));
        let port = url.port_or_known_default().filter(|port| !PORTS.contains(port)).map(Self::Port);
        let host = match url.host() {
            Some(Host::Ipv6(_)) => Some(Self::Ipv6),
            Some(Host::Ipv4(address)) => is_reserved(address).then_some(Self::ReservedAddress(address)),
            Some(Host::Domain(name)) => is_local(name).then(|| Self::LocalName(name.to_owned())),
            None => Some(Self::NoHost),
        };
        [scheme, port, host].into_iter().flatten().collect()
    }

    /// What the operator should know or do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Scheme(_) => "Telegram uses https only; a platform or a tunnel puts it in front of the service",
            Self::Port(_) => "the port is the public one, which a proxy or platform forwards; server.port is another",
            Self::Ipv6 => "Telegram does not connect to IPv6 addresses",
            Self::ReservedAddress(_) => "that address cannot be reached from the internet",
            Self::LocalName(_) => "that name is known on your own network only",
            Self::NoHost => "a host is missing",
        }
    }
}

impl fmt::Display for UrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(scheme) => write!(f, "the public URL begins with {scheme}:, but Telegram requires https"),
            Self::Port(port) => {
                write!(f, "the public URL has the port {port}, but Telegram connects only to 443, 80, 88 and 8443")
            }
            Self::Ipv6 => f.write_str("the public URL is an IPv6 address, but Telegram uses IPv4"),
            Self::ReservedAddress(address) => {
                write!(f, "the public URL leads to {address}, an address that Telegram cannot reach")
            }
            Self::LocalName(name) => {
                write!(f, "the public URL leads to {name}, a name that only this machine or network knows")
            }
            Self::NoHost => f.write_str("the public URL has no host"),
        }
    }
}

fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    !name.contains('.') || LOCAL_NAMES.iter().any(|local| name.ends_with(local))
}

/// Whether Telegram refuses the address because it is not reachable from the internet. The ranges are
/// those of `IPAddress::is_reserved` in the Bot API server.
#[must_use]
pub fn is_reserved(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(url: &str) -> Vec<UrlFault> {
        UrlFault::of(&Url::parse(url).unwrap())
    }

    #[test]
    fn telegram_reaches_public_hosts_by_https_on_its_ports() {
        for url in [
            "https://a.example.org",
            "https://a.example.org:88",
            "https://a.example.org:80",
            "https://8.8.8.8:8443/telegram/webhook",
        ] {
            assert_eq!(faults(url), [], "{url}");
        }
    }

    #[test]
    fn telegram_does_not_reach_another_scheme_or_port_nor_a_local_name_or_reserved_address() {
        for url in [
            "http://a.example.org",
            "https://a.example.org:10000",
            "https://localhost",
            "https://bot",
            "https://a.localhost",
            "https://printer.lan",
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
            "https://203.0.113.7",
            "https://255.255.255.255",
            "https://[2606:4700::1]",
            "https://[::1]",
        ] {
            assert_eq!(faults(url).len(), 1, "{url}");
        }
        assert_eq!(faults("http://localhost:1").len(), 3);
    }

    #[test]
    fn a_secret_token_has_1_to_256_characters_of_its_alphabet() {
        assert!(is_secret_token("Secret_1-") && is_secret_token(&"a".repeat(256)));
        for token in ["", "a b", "a=b", "ä", &"a".repeat(257)] {
            assert!(!is_secret_token(token), "{token}");
        }
    }

    #[test]
    fn only_the_host_decides_whether_a_bot_api_is_telegrams_own() {
        assert!(is_public_api("https://api.telegram.org/") && is_public_api(" https://API.telegram.org:443"));
        for url in ["https://api.telegram.org.example", "http://127.0.0.1:8081", "api.telegram.org", ""] {
            assert!(!is_public_api(url), "{url}");
        }
    }
}
