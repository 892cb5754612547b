use std::fmt::Write;
use std::net::Ipv6Addr;

use http::uri::PathAndQuery;
use url::Host;

/// A webhook URL in its parts, read as Telegram reads it and otherwise left as it was written.
///
/// The crate `url` would rewrite the path: it resolves `..`, turns `\` into `/` and percent-encodes some characters. A
/// bot compares the path that it has set with the path of the request.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct BotUrl {
    pub(super) is_https: bool,
    /// The user name and password before `@`. Telegram sends them as `Authorization`.
    pub(super) user_info: Option<String>,
    /// The host and the port as they are written: the header `Host`.
    pub(super) authority: String,
    pub(super) host: Host,
    pub(super) port: Option<u16>,
    pub(super) path_and_query: PathAndQuery,
}

impl BotUrl {
    /// Reads a URL. Without a scheme it is https. `None`: nothing can be sent to it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (is_https, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, _)) if !scheme.contains(['/', '?', '#']) => return None,
            _ => (true, text),
        };
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user_info, authority) = match authority.rsplit_once('@') {
            Some((user_info, authority)) => (Some(user_info.to_owned()), authority),
            None => (None, authority),
        };
        let (host, port) = host_and_port(authority)?;
        Some(Self {
            is_https,
            user_info: user_info.filter(|text| !text.is_empty()),
            authority: authority.to_owned(),
            host,
            port,
            path_and_query: path_and_query(rest)?,
        })
    }

    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        match &self.host {
            // A bot that listens on 0.0.0.0 may have taken its address for its name.
            Host::Ipv4(address) => address.is_loopback() || address.is_unspecified(),
            Host::Ipv6(address) => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
            }
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }

    /// The port, also where the URL does not name it.
    pub(super) fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.is_https { 443 } else { 80 })
    }
}

fn host_and_port(authority: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok().filter(|port| *port != 0)?)),
        _ => (authority, None),
    };
    let host = match host.strip_prefix('[') {
        Some(rest) => Host::Ipv6(rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?),
        None => Host::parse(host).ok()?,
    };
    Some((host, port))
}

/// The path and query as they are written. A fragment is no part of a request. Telegram encodes blanks and control
/// characters, and four more characters cannot stand in a request of this program.
fn path_and_query(text: &str) -> Option<PathAndQuery> {
    let text = text.split('#').next().unwrap_or_default().trim_end();
    let mut written = String::with_capacity(text.len() + 1);
    if !text.starts_with('/') {
        written.push('/');
    }
    for character in text.chars() {
        if character <= ' ' || matches!(character, '<' | '>' | '`' | '\u{7f}') {
            // Writing to a string does not fail.
            let _ = write!(written, "%{:02X}", u32::from(character));
        } else {
            written.push(character);
        }
    }
    PathAndQuery::try_from(written).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (bool, String, Option<u16>, String) {
        let url = BotUrl::parse(text).unwrap();
        (url.is_https, url.host.to_string(), url.port, url.path_and_query.as_str().to_owned())
    }

    #[test]
    fn the_path_and_the_query_stay_as_the_bot_wrote_them() {
        for path in [
            "/",
            "/a/../b/./c",
            "/a%2Fb/%2e%2e/",
            "/x|y?q=a|b&c='d'",
            "//double//slash/",
            "/back\\slash",
            "/123456789:AAtest/{curly}^",
            "/?a=b?c",
            "/é?ü=ö",
            "/%zz",
        ] {
            assert_eq!(parts(&format!("https://bot.example:8443{path}")).3, path);
        }
        assert_eq!(parts("https://bot.example").3, "/");
        assert_eq!(parts("https://bot.example?a=b#c").3, "/?a=b");
        assert_eq!(parts("https://bot.example/a b<c>").3, "/a%20b%3Cc%3E");
    }

    #[test]
    fn the_host_the_port_and_the_user_are_read_as_telegram_reads_them() {
        assert_eq!(parts("HTTP://127.0.0.1:80/x"), (false, "127.0.0.1".to_owned(), Some(80), "/x".to_owned()));
        assert_eq!(parts("bot.example/x"), (true, "bot.example".to_owned(), None, "/x".to_owned()));
        assert_eq!(parts("http://[::1]:8080/"), (false, "[::1]".to_owned(), Some(8080), "/".to_owned()));
        let url = BotUrl::parse("https://ann:a@b@Bot.Example:8443/x").unwrap();
        assert_eq!((url.user_info.as_deref(), url.authority.as_str()), (Some("ann:a@b"), "Bot.Example:8443"));
        assert_eq!(url.host, Host::Domain("bot.example".to_owned()));
        for text in [
            "",
            "ftp://a/",
            "https://",
            "https:///x",
            "https://a:b/",
            "https://a:0/",
            "https://a:70000/",
            "https://[1/",
        ] {
            assert!(BotUrl::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn loopback_is_known_in_each_of_its_forms() {
        for host in ["127.0.0.1", "127.1.2.3", "[::1]", "localhost", "a.localhost", "0.0.0.0", "[::ffff:127.0.0.1]"] {
            assert!(BotUrl::parse(&format!("http://{host}/")).unwrap().is_loopback(), "{host}");
        }
        for host in ["10.0.0.1", "bot.example", "localhost.example", "[2001:db8::1]"] {
            assert!(!BotUrl::parse(&format!("http://{host}/")).unwrap().is_loopback(), "{host}");
        }
    }
}
