//! The target of a webhook: what Telegram checks about its URL, and the address to connect to.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::{Host, Url};

use crate::telegram::{SECRET_HEADER_AS_SENT, UrlFault, is_reserved};

/// The address that a host with a route appears to have.
const ROUTED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// A webhook URL and the address that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: Url,
    /// Where to connect; none while the host name is not resolved.
    pub(crate) addr: Option<SocketAddr>,
    /// Whether the receiver expects TLS, which the sandbox does not speak.
    pub(crate) tls: bool,
    /// The address as `getWebhookInfo` shows it.
    pub(crate) ip: Option<IpAddr>,
}

impl Target {
    /// Parses a URL as `setWebhook` does: without a scheme it is https.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let url = if url.contains("://") { Url::parse(url) } else { Url::parse(&format!("https://{url}")) }.ok()?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
        is_web.then(|| Self { tls: url.scheme() == "https", url, addr: None, ip: None })
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Resolves the host if this needs no name server. Returns whether it did.
    pub(crate) fn resolve_locally(&mut self, routes: &HashMap<String, SocketAddr>) -> bool {
        if let Some(addr) = routes.get(self.host()) {
            (self.addr, self.ip, self.tls) = (Some(*addr), Some(ROUTED.into()), false);
            return true;
        }
        let ip = match self.url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::from(ip),
            Some(Host::Ipv6(ip)) => IpAddr::from(ip),
            Some(Host::Domain("localhost")) => IpAddr::from(Ipv4Addr::LOCALHOST),
            Some(Host::Domain(_)) | None => return false,
        };
        self.set_ip(ip);
        true
    }

    /// Sets the address to connect to.
    pub(crate) fn set_ip(&mut self, ip: IpAddr) {
        (self.addr, self.ip) = (Some(SocketAddr::new(ip, self.port())), Some(ip));
    }

    /// Why the public Bot API refuses the scheme or the port; none if it accepts them.
    pub(crate) fn url_problem(&self) -> Option<&'static str> {
        UrlFault::of(&self.url).iter().find_map(|fault| match fault {
            UrlFault::Scheme(_) => Some("An HTTPS URL must be provided for webhook"),
            UrlFault::Port(_) => Some("Webhook can be set up only on ports 80, 88, 443 or 8443"),
            // `address_problem` checks the address once it is known.
            UrlFault::Ipv6 | UrlFault::ReservedAddress(_) | UrlFault::LocalName(_) | UrlFault::NoHost => None,
        })
    }

    /// Why the public Bot API refuses the address; none if it accepts it.
    pub(crate) fn address_problem(&self) -> Option<String> {
        match self.ip? {
            IpAddr::V6(_) => Some("IPv6-only addresses are not allowed".to_owned()),
            IpAddr::V4(ip) if ip != ROUTED && is_reserved(ip) => Some(format!("IP address {ip} is reserved")),
            IpAddr::V4(_) => None,
        }
    }

    /// The head of a request with a body of `length` bytes, as the real sender writes it: these headers in this
    /// order and no others.
    pub(crate) fn request_head(&self, secret: Option<&str>, length: usize) -> String {
        let path = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let host = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut lines = vec![format!("POST {path} HTTP/1.1"), format!("Host: {host}")];
        if !self.url.username().is_empty() || self.url.password().is_some() {
            let user = format!("{}:{}", self.url.username(), self.url.password().unwrap_or_default());
            lines.push(format!("Authorization: Basic {}", STANDARD.encode(user)));
        }
        if let Some(secret) = secret {
            lines.push(format!("{SECRET_HEADER_AS_SENT}: {secret}"));
        }
        lines.push("Content-Type: application/json".to_owned());
        lines.push(format!("Content-Length: {length}"));
        lines.push("Connection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n".to_owned());
        lines.join("\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_header_has_the_port_unless_it_is_the_default_of_the_scheme() {
        let host = |url| Target::parse(url).unwrap().request_head(None, 2).lines().nth(1).unwrap().to_owned();
        assert_eq!(host("https://Bot.Example.org:443/x"), "Host: bot.example.org");
        assert_eq!(host("https://bot.example.org:8443"), "Host: bot.example.org:8443");
        assert_eq!(host("http://127.0.0.1:10000/x"), "Host: 127.0.0.1:10000");
        assert_eq!(host("bücher.example"), "Host: xn--bcher-kva.example");
    }

    #[test]
    fn a_password_in_the_url_becomes_a_header() {
        let head = Target::parse("http://ann:pw@bot.example/x?a=1#y").unwrap().request_head(None, 0);
        assert!(
            head.starts_with(
                "POST /x?a=1 HTTP/1.1\r\nHost: bot.example\r\nAuthorization: Basic YW5uOnB3\r\nContent-Type"
            )
        );
    }

    #[test]
    fn only_web_urls_are_webhooks() {
        for url in ["ftp://example.org", "https://", "https://exa mple.org", "http://example.org:99999"] {
            assert!(Target::parse(url).is_none(), "{url}");
        }
    }

    #[test]
    fn the_public_bot_api_requires_https_its_ports_and_public_addresses() {
        let problem = |url| Target::parse(url).unwrap().url_problem();
        assert_eq!(problem("example.org"), None);
        assert!(problem("http://example.org").unwrap().starts_with("An HTTPS"));
        assert!(problem("https://example.org:444").unwrap().contains("ports"));
        let mut target = Target::parse("https://10.1.2.3").unwrap();
        assert!(target.resolve_locally(&HashMap::new()));
        assert_eq!(target.address_problem().unwrap(), "IP address 10.1.2.3 is reserved");
    }
}
