use std::time::Duration;

use http::HeaderMap;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::headers;
use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

/// The valid form of `forward.url`.
const WANTED: &str = "the URL at which your bot receives updates, such as http://127.0.0.1:8080/webhook";

/// The longest time that a bot may take for an update.
const LONGEST: Duration = Duration::from_hours(1);

/// `[forward]`: your own bot, which receives updates over HTTP.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ForwardSettings {
    /// Where the bot listens. Its path is often a secret.
    #[schemars(with = "String")]
    pub url: Option<SecretString>,
    /// The headers of each request, in the syntax of `OTEL_EXPORTER_OTLP_HEADERS`, which is valid.
    #[schemars(with = "String")]
    pub headers: Option<SecretString>,
    /// Whether an http URL may lead to another machine.
    pub allow_plain_http: bool,
    /// How long the bot may take for an update.
    #[schemars(with = "String")]
    pub time_limit: Duration,
}

impl ForwardSettings {
    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        let allow_plain_http = from.flag("forward.allow_plain_http");
        Self {
            url: from.token("forward.url", WANTED, |text| check_url(text, allow_plain_http)),
            headers: from.token("forward.headers", headers::WANTED, headers::check),
            allow_plain_http,
            time_limit: from.duration("forward.time_limit", Duration::from_secs(1)..=LONGEST),
        }
    }

    /// The URL at which the bot listens.
    #[must_use]
    pub fn url(&self) -> Option<Url> {
        Url::parse(self.written_url()?).ok()
    }

    /// The same URL as it is written. [`Url`] rewrites some paths, and a bot compares the path byte for byte.
    #[must_use]
    pub fn written_url(&self) -> Option<&str> {
        self.url.as_ref().map(|url| url.expose_secret().trim())
    }

    /// The headers of each request. Their values are marked as sensitive, so that nothing prints them.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        headers::of(self.headers.as_ref())
    }
}

fn check_url(text: &str, allow_plain_http: bool) -> Result<(), Refusal> {
    let Ok(url) = Url::parse(text.trim()) else {
        return Err(Refusal::new("a text that is no URL", "begin it with http:// or https://"));
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::found(format!("a URL that begins with {}:", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::new(
            format!("{} with a user name or password", url.origin().ascii_serialization()),
            "write a credential into forward.headers, such as authorization=Basic%20…; if the password holds / ? or #, \
             the URL means something else than what was written",
        ));
    }
    if url.fragment().is_some() {
        return Err(Refusal::new(
            format!("{} with a #", url.origin().ascii_serialization()),
            "write # in a path as %23",
        ));
    }
    if url.scheme() == "http" && !allow_plain_http && !is_loopback(&url) {
        return Err(Refusal::new(
            format!("{}, which is not on this machine, without TLS", url.origin().ascii_serialization()),
            "use https, or set forward.allow_plain_http = true for a private network",
        ));
    }
    Ok(())
}

/// Whether a URL names this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_url_is_http_on_this_machine_or_https() {
        for url in
            ["http://127.0.0.1:8080/webhook", "http://localhost/a?b=c", "https://bot.example.org/x", "http://[::1]:1/"]
        {
            assert!(check_url(url, false).is_ok(), "{url}");
        }
        assert!(check_url("http://10.0.0.7:8080/x", true).is_ok());
    }

    #[test]
    fn another_forward_url_is_refused_and_its_path_is_not_shown() {
        for (url, found) in [
            ("127.0.0.1:8080", "no URL"),
            ("ftp://127.0.0.1/SECRET", "begins with ftp:"),
            ("http://me:SECRET@127.0.0.1/", "a user name or password"),
            ("http://10.0.0.7/SECRET", "not on this machine"),
            ("http://127.0.0.1/#SECRET", "with a #"),
        ] {
            let refusal = check_url(url, false).unwrap_err();
            let text = refusal.found.unwrap_or_default();
            assert!(text.contains(found) && !text.contains("SECRET"), "{url}: {text}");
        }
    }
}
