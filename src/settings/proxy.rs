//! The proxy for calls to the Bot API. The settings come first. The environment's proxy is used for
//! Telegram's own Bot API only. A Bot API on this machine is never called through a proxy.

use std::net::IpAddr;

use http::Uri;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::effective::Shown;
use super::problem::Refusal;
use super::sources::{Environment, Variable};
use super::{describe, origin};

/// The valid form of a proxy URL.
pub(super) const WANTED: &str =
    "the URL of a proxy, such as http://proxy.example.org:3128, https://…, socks5://… or socks5h://…";

const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// The variables that name a proxy; the first one that is set is used. `HTTP_PROXY` is for plain http.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that list the hosts to call without a proxy.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// A proxy with a valid URL. Its user name and password are never shown.
#[derive(Clone, Debug)]
pub struct Proxy {
    url: SecretString,
    address: String,
}

impl Proxy {
    /// The URL, with the user name and password if there are any.
    #[must_use]
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// Host and port, which may be shown.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn shown(&self) -> Shown {
        Shown::Secret(format!("secret, a proxy at {}", self.address))
    }
}

/// Reads the URL of a proxy. `None` if it is empty. The default scheme is http, as in other programs.
pub(super) fn read(text: &SecretString) -> Result<Option<Proxy>, Refusal> {
    let text = text.expose_secret().trim();
    if text.is_empty() {
        return Ok(None);
    }
    let refused = |hint: &str| Refusal::new(describe::secret(text), hint);
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&with_scheme).or(Err(refused(ENCODE)))?;
    if !SCHEMES.contains(&url.scheme()) {
        return Err(refused("it begins with http://, https://, socks5:// or socks5h://"));
    }
    // With such a character in the password, the user name is parsed as the host.
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(refused(ENCODE));
    }
    let port = url.port_or_known_default().unwrap_or(SOCKS_PORT);
    if url.scheme().starts_with("socks") && url.set_port(Some(port)).is_err() {
        return Err(refused("a host is missing"));
    }
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else { return Err(refused("a host is missing")) };
    // The HTTP client parses it by other rules, and uses no proxy when it cannot parse it.
    if !url.as_str().parse::<Uri>().is_ok_and(|uri| uri.host().is_some()) {
        return Err(refused(ENCODE));
    }
    let address = format!("{}:{port}", describe::text(host));
    Ok(Some(Proxy { url: url.as_str().into(), address }))
}

const ENCODE: &str = "after the host and port nothing follows; characters such as / # ? @ : in the user name or password \
                      are written %2F %23 %3F %40 %3A";

/// The usual port of SOCKS.
const SOCKS_PORT: u16 = 1080;

/// The environment's proxy for a Bot API at that host, and its origin.
pub(super) fn of_environment(environment: &Environment, api_host: &str) -> Option<(SecretString, String)> {
    let text = |variable: &&'static str| match environment.value(variable) {
        Variable::Text(text) if !text.expose_secret().trim().is_empty() => Some(text.clone()),
        Variable::Text(_) | Variable::NotSet => None,
        // An invalid proxy URL, which must be reported.
        Variable::NotText => Some("\u{fffd}:".into()),
    };
    if EXCEPTIONS.iter().find_map(text).is_some_and(|list| excepts(list.expose_secret(), api_host)) {
        return None;
    }
    VARIABLES.iter().find_map(|name| Some((text(name)?, origin::variable(name))))
}

/// Whether a list such as `localhost,.example.org` holds a host: itself, a domain that it is in, or `*`.
fn excepts(list: &str, host: &str) -> bool {
    list.split(',').map(|entry| entry.trim().to_lowercase()).any(|entry| {
        let entry = entry.strip_suffix(":443").unwrap_or(&entry);
        let domain = entry.trim_start_matches("*.").trim_start_matches('.');
        let within = || host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'));
        entry == "*" || (!domain.is_empty() && within())
    })
}

/// Whether a URL leads to this machine.
pub(super) fn is_loopback(url: &str) -> bool {
    let is_own = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => is_own(ip.into()),
        Some(Host::Ipv6(ip)) => is_own(ip.to_canonical()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_and_port_of_a_proxy_are_shown() {
        for (text, address) in [
            ("http://proxy.example.org:3128", "proxy.example.org:3128"),
            ("proxy.example.org:3128", "proxy.example.org:3128"),
            ("user:s3cret@proxy.example.org:3128", "proxy.example.org:3128"),
            (" https://Proxy.Example.org/ ", "proxy.example.org:443"),
            ("socks5://user:p%2Fs3cret@10.0.0.1", "10.0.0.1:1080"),
            ("socks5h://10.0.0.1:9050", "10.0.0.1:9050"),
            ("http://user:p@s3cret@proxy.example.org:3128", "proxy.example.org:3128"),
            ("http://[2001:db8::1]:3128", "[2001:db8::1]:3128"),
        ] {
            let proxy = read(&text.into()).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}")).unwrap();
            assert_eq!(proxy.address(), address, "{text}");
            let shown = format!("{proxy:?} {}", proxy.shown());
            assert!(!shown.contains("s3cret") && !shown.contains("user"), "{shown}");
        }
        assert!(read(&"".into()).unwrap().is_none());
    }

    #[test]
    fn an_ambiguous_url_is_refused_and_not_shown() {
        for text in [
            "http://user:2024/S3cret@proxy:3128",
            "http://user:S3cret/x@proxy:3128",
            "http://user:2024?S3cret@proxy:3128",
            "http://user:2024#S3cret@proxy:3128",
            "socks5://user:2024/S3cret@proxy:3128",
            "socks4://S3cret:1080",
            "ftp://user:S3cret@proxy",
            "http://user:S3cret@",
            "http://S3cret:99999",
            "socks5://:1",
            "http://",
        ] {
            let refusal = read(&text.into()).expect_err(text);
            let shown = format!("{refusal:?}");
            assert!(!shown.contains("S3cret") && !shown.contains("user:") && refusal.hint.is_some(), "{shown}");
        }
    }

    #[test]
    fn no_proxy_lists_hosts_domains_or_all() {
        for (list, holds) in [
            ("*", true),
            ("api.telegram.org", true),
            ("localhost, API.Telegram.org:443", true),
            (".telegram.org", true),
            ("*.telegram.org", true),
            ("telegram.org", true),
            ("org", true),
            ("gram.org", false),
            ("api.telegram.org:80", false),
            ("10.0.0.0/8,localhost", false),
            ("", false),
            (".,,", false),
        ] {
            assert_eq!(excepts(list, "api.telegram.org"), holds, "{list}");
        }
    }
}
