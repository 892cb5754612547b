//! Decides where the bot is reached: to which address to connect, and what the request names.

use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use url::Host;

use super::bot_url::BotUrl;
use super::status::BotStatus;
use super::target::Target;

/// Where updates go. The path and the secret are secrets, so there is no `Debug`.
pub(super) struct Destination {
    /// The address to connect to, with the path and query of the bot's URL.
    pub(super) uri: Uri,
    /// The host that the bot believes to have.
    pub(super) host: HeaderValue,
    /// The secret token that the bot has set.
    pub(super) secret: Option<HeaderValue>,
    /// The user name and password of the bot's URL.
    pub(super) authorization: Option<HeaderValue>,
    /// The host of the connection, as a name or an address.
    pub(super) connect_host: String,
    /// The port of the connection.
    pub(super) connect_port: u16,
}

impl Destination {
    /// The address of the connection, for people.
    pub(super) fn address(&self) -> String {
        self.uri.authority().map(ToString::to_string).unwrap_or_default()
    }
}

/// What is known about the bot's address, apart from its own `setWebhook`.
pub(super) struct Addresses {
    /// Where the bot listens, if this program has chosen it.
    pub(super) own: Option<SocketAddr>,
    /// `forward.url`.
    pub(super) forward_url: Option<BotUrl>,
    /// The public URL of this service.
    pub(super) public_url: Option<BotUrl>,
    /// The ports of this machine on which this service listens.
    pub(super) own_ports: Vec<u16>,
}

/// The address to connect to.
struct Address {
    is_https: bool,
    host: Host,
    port: u16,
}

impl Address {
    fn of(url: &BotUrl) -> Self {
        Self { is_https: url.is_https, host: url.host.clone(), port: url.port_or_default() }
    }
}

impl Addresses {
    /// Where updates go now.
    ///
    /// # Errors
    ///
    /// The status that says why there is no such place.
    pub(super) fn resolve(&self, target: Option<&Target>) -> Result<Destination, BotStatus> {
        if target.is_some_and(|target| target.is_paused) {
            return Err(BotStatus::Paused);
        }
        let url = target.map(|target| BotUrl::parse(&target.url).ok_or_else(not_sendable)).transpose()?;
        let address = self.address(url.as_ref())?;
        // Without a `setWebhook`, the forward URL is what Telegram would have got.
        let Some(url) = url.as_ref().or(self.forward_url.as_ref()) else { return Err(never_set()) };
        destination(&address, url, target).ok_or_else(not_sendable)
    }

    fn address(&self, url: Option<&BotUrl>) -> Result<Address, BotStatus> {
        if let Some(own) = self.own {
            let host = match own {
                SocketAddr::V4(own) => Host::Ipv4(*own.ip()),
                SocketAddr::V6(own) => Host::Ipv6(*own.ip()),
            };
            return Ok(Address { is_https: false, host, port: own.port() });
        }
        if let Some(url) = &self.forward_url {
            return if self.is_this_service(url) { Err(a_loop("forward.url")) } else { Ok(Address::of(url)) };
        }
        let Some(url) = url else { return Err(never_set()) };
        if self.is_this_service(url) {
            return Err(a_loop("the webhook URL of your bot"));
        }
        if !url.is_loopback() {
            return Err(BotStatus::NoTarget {
                sentence: format!(
                    "your bot has set a webhook URL on {}, which says where it is public and not where it listens: set \
                     forward.url (FORWARD_URL) to the address at which it listens, such as http://127.0.0.1:8080",
                    url.host
                ),
            });
        }
        let Some(port) = url.port.or((!url.is_https).then_some(80)) else {
            return Err(BotStatus::NoTarget {
                sentence:
                    "your bot has set a webhook URL on this machine without a port: set forward.url (FORWARD_URL) \
                           to the address at which it listens, such as http://127.0.0.1:8080"
                        .to_owned(),
            });
        };
        // Telegraf writes https also where its server speaks http.
        let host = match &url.host {
            Host::Ipv4(address) if address.is_unspecified() => Host::Ipv4(Ipv4Addr::LOCALHOST),
            Host::Ipv6(address) if address.is_unspecified() => Host::Ipv4(Ipv4Addr::LOCALHOST),
            Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => url.host.clone(),
        };
        Ok(Address { is_https: false, host, port })
    }

    /// Whether a request to this URL would come back to this service.
    fn is_this_service(&self, url: &BotUrl) -> bool {
        if url.is_loopback() {
            return self.own_ports.contains(&url.port_or_default());
        }
        self.public_url.as_ref().is_some_and(|public| public.host == url.host)
    }
}

fn destination(address: &Address, url: &BotUrl, target: Option<&Target>) -> Option<Destination> {
    let uri = Uri::builder()
        .scheme(if address.is_https { "https" } else { "http" })
        .authority(format!("{}:{}", address.host, address.port))
        .path_and_query(url.path_and_query.clone())
        .build()
        .ok()?;
    let secret = match target.and_then(|target| target.secret_token.as_deref()) {
        Some(secret) if !secret.is_empty() => Some(sensitive(secret)?),
        Some(_) | None => None,
    };
    let authorization = match &url.user_info {
        Some(user) => Some(sensitive(&format!("Basic {}", STANDARD.encode(user)))?),
        None => None,
    };
    Some(Destination {
        uri,
        host: HeaderValue::from_str(&url.authority).ok()?,
        secret,
        authorization,
        connect_host: match &address.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        },
        connect_port: address.port,
    })
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn never_set() -> BotStatus {
    BotStatus::NoTarget {
        sentence:
            "your bot has not called setWebhook at the gateway yet, and forward.url (FORWARD_URL) is not set: start \
                   your bot in its webhook mode, or set forward.url"
                .to_owned(),
    }
}

fn not_sendable() -> BotStatus {
    BotStatus::Misconfigured {
        sentence: "your bot has set a webhook URL or a secret token to which no request can be sent: correct its \
                   setWebhook"
            .to_owned(),
    }
}

fn a_loop(what: &str) -> BotStatus {
    BotStatus::Misconfigured {
        sentence: format!(
            "{what} is the address of this service, which would send each update to itself: set forward.url \
             (FORWARD_URL) to the address at which your bot listens, such as http://127.0.0.1:8080"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(forward_url: Option<&str>) -> Addresses {
        Addresses {
            own: None,
            forward_url: forward_url.map(|url| BotUrl::parse(url).unwrap()),
            public_url: BotUrl::parse("https://bot.onrender.example"),
            own_ports: vec![10_000, 8081],
        }
    }

    fn target(url: &str) -> Target {
        Target {
            url: url.to_owned(),
            secret_token: Some("s_1".to_owned()),
            allowed_updates: None,
            max_connections: None,
            set_at: 0,
            is_paused: false,
        }
    }

    fn uri(addresses: &Addresses, target: Option<&Target>) -> Result<String, BotStatus> {
        addresses.resolve(target).map(|destination| destination.uri.to_string())
    }

    #[test]
    fn the_bots_url_says_what_is_asked_and_the_forward_url_where() {
        let bot = target("https://Bot.example/hook|/..?a=%2F");
        let found = addresses(Some("http://127.0.0.1:3000/other")).resolve(Some(&bot)).ok().unwrap();
        assert_eq!(found.uri, "http://127.0.0.1:3000/hook|/..?a=%2F");
        assert_eq!(found.host, "Bot.example");
        assert_eq!(found.secret.unwrap(), "s_1");
        assert_eq!((found.connect_host.as_str(), found.connect_port), ("127.0.0.1", 3000));
        let found = addresses(Some("http://127.0.0.1:3000/other?b")).resolve(None).ok().unwrap();
        assert_eq!(
            (found.uri.to_string().as_str(), &found.host),
            ("http://127.0.0.1:3000/other?b", &"127.0.0.1:3000".parse().unwrap())
        );
        assert!(found.secret.is_none());
    }

    #[test]
    fn the_childs_port_comes_first_and_a_loopback_url_of_the_bots_last() {
        let mut known = addresses(Some("http://127.0.0.1:3000/"));
        known.own = Some(([127, 0, 0, 1], 4000).into());
        assert_eq!(uri(&known, Some(&target("https://bot.onrender.example/x"))).unwrap(), "http://127.0.0.1:4000/x");
        let unknown = addresses(None);
        assert_eq!(uri(&unknown, Some(&target("https://localhost:3000/x"))).unwrap(), "http://localhost:3000/x");
        assert_eq!(uri(&unknown, Some(&target("http://0.0.0.0:3000/x"))).unwrap(), "http://127.0.0.1:3000/x");
        assert_eq!(uri(&unknown, Some(&target("http://[::1]/x"))).unwrap(), "http://[::1]:80/x");
    }

    #[test]
    fn an_address_that_nobody_named_gets_no_update() {
        for url in ["https://bot.example/x", "http://10.0.0.7:8080/x", "https://127.0.0.1/x"] {
            let status = uri(&addresses(None), Some(&target(url))).unwrap_err();
            assert!(
                matches!(&status, BotStatus::NoTarget { sentence } if sentence.contains("forward.url")),
                "{status:?}"
            );
        }
        assert!(matches!(uri(&addresses(None), None), Err(BotStatus::NoTarget { .. })));
        let mut paused = target("http://127.0.0.1:3000/x");
        paused.is_paused = true;
        assert_eq!(uri(&addresses(Some("http://127.0.0.1:1/")), Some(&paused)), Err(BotStatus::Paused));
    }

    #[test]
    fn no_update_comes_back_to_this_service() {
        for (forward, url) in [
            (None, "https://bot.onrender.example/x"),
            (None, "https://BOT.onrender.example:8443/x"),
            (None, "http://localhost:10000/x"),
            (None, "http://127.0.0.1:8081/x"),
            (Some("https://bot.onrender.example/"), "http://127.0.0.1:3000/x"),
        ] {
            let status = uri(&addresses(forward), Some(&target(url))).unwrap_err();
            let BotStatus::Misconfigured { sentence } = status else { panic!("{url}: {status:?}") };
            assert!(sentence.contains("to itself"), "{sentence}");
        }
        let known = addresses(Some("http://127.0.0.1:3000/"));
        assert_eq!(uri(&known, Some(&target("https://bot.onrender.example/x"))).unwrap(), "http://127.0.0.1:3000/x");
    }

    #[test]
    fn a_url_or_secret_that_no_request_can_hold_is_said() {
        assert!(matches!(uri(&addresses(None), Some(&target("ftp://a/"))), Err(BotStatus::Misconfigured { .. })));
        let mut bad = target("http://127.0.0.1:3000/");
        bad.secret_token = Some("a\nb".to_owned());
        assert!(matches!(uri(&addresses(None), Some(&bad)), Err(BotStatus::Misconfigured { .. })));
    }
}
