use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::settings::{Platform, SourceMode, WebhookSettings};

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// One of Telegram's addresses, or the check is off.
    Telegram,
    /// Another address.
    Foreign(IpAddr),
    /// The proxy in front did not report an address.
    Unknown,
}

/// The check of a request's address, in addition to the secret token.
///
/// The address of the connection says nothing, because TLS ends before Doorbell and the peer is always a proxy. Only the
/// header that this proxy writes itself can be trusted.
pub struct SourceCheck {
    /// The header with the client's address. Without one, every source is unknown.
    header: Option<HeaderName>,
    ranges: Vec<IpNet>,
    pub(super) mode: SourceMode,
}

impl SourceCheck {
    /// The check as configured, with the platform's header as the default.
    #[must_use]
    pub fn new(settings: &WebhookSettings, platform: &Platform) -> Self {
        let named = settings.source_header.clone();
        let of_platform = || platform.client_address.map(HeaderName::from_static);
        Self { header: named.or_else(of_platform), ranges: settings.source_ranges.clone(), mode: settings.source_check }
    }

    /// The client's address, as the proxy in front reports it. Only the last address counts: proxies append theirs, and the
    /// client itself can send those before it.
    #[must_use]
    pub fn address(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let last = headers.get_all(self.header.as_ref()?).iter().next_back()?;
        let address = last.to_str().ok()?.rsplit(',').next()?.trim().parse::<IpAddr>().ok()?;
        Some(address.to_canonical())
    }

    /// Where a request came from.
    pub(super) fn source(&self, headers: &HeaderMap) -> Source {
        if self.mode == SourceMode::Off {
            return Source::Telegram;
        }
        match self.address(headers) {
            None => Source::Unknown,
            Some(address) if self.ranges.iter().any(|range| range.contains(&address)) => Source::Telegram,
            Some(address) => Source::Foreign(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::settings::{Need, Settings, Sources};

    fn source(variables: &[(&str, &str)], headers: &[(&'static str, &'static str)]) -> Source {
        let sources = Sources { environment: variables.iter().copied().collect(), ..Sources::default() };
        let settings = Settings::load(&sources, Need::Nothing).unwrap();
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            sent.append(*name, HeaderValue::from_static(value));
        }
        SourceCheck::new(&settings.webhook, &settings.platform).source(&sent)
    }

    fn foreign(address: &str) -> Source {
        Source::Foreign(address.parse().unwrap())
    }

    #[test]
    fn only_the_header_of_the_platform_is_trusted() {
        let render = &[("RENDER", "true")][..];
        let fly = &[("FLY_APP_NAME", "a")][..];
        let nginx = &[("DOORBELL__WEBHOOK__SOURCE_HEADER", "X-Real-IP")][..];
        let forwarded = &[("DYNO", "web.1"), ("DOORBELL__WEBHOOK__SOURCE_HEADER", "x-forwarded-for")][..];
        let forged = ("x-forwarded-for", "149.154.167.1, 203.0.113.9");
        for (platform, headers, expected) in [
            (render, &[("cf-connecting-ip", "149.154.160.0")][..], Source::Telegram),
            (render, &[("cf-connecting-ip", "149.154.175.255")], Source::Telegram),
            (render, &[("cf-connecting-ip", "91.108.7.1")], Source::Telegram),
            (render, &[("cf-connecting-ip", "::ffff:91.108.4.1")], Source::Telegram),
            (render, &[("cf-connecting-ip", "149.154.176.0")], foreign("149.154.176.0")),
            (render, &[("cf-connecting-ip", "91.108.8.0")], foreign("91.108.8.0")),
            (render, &[("cf-connecting-ip", "2001:db8::1")], foreign("2001:db8::1")),
            (render, &[("cf-connecting-ip", "203.0.113.9"), forged], foreign("203.0.113.9")),
            (render, &[forged], Source::Unknown),
            (render, &[("true-client-ip", "149.154.167.1")], Source::Unknown),
            (render, &[("fly-client-ip", "149.154.167.1")], Source::Unknown),
            (render, &[("cf-connecting-ip", "nonsense")], Source::Unknown),
            (render, &[], Source::Unknown),
            (fly, &[("fly-client-ip", "149.154.167.1")], Source::Telegram),
            (fly, &[("fly-client-ip", "203.0.113.9"), forged], foreign("203.0.113.9")),
            (fly, &[("cf-connecting-ip", "149.154.167.1")], Source::Unknown),
            (&[("RAILWAY_ENVIRONMENT_NAME", "x")], &[forged], Source::Unknown),
            (&[("KOYEB_PUBLIC_DOMAIN", "a.koyeb.app")], &[forged], Source::Unknown),
            (&[("DYNO", "web.1")], &[forged], Source::Unknown),
            (&[("K_SERVICE", "a")], &[forged], Source::Unknown),
            (&[], &[("cf-connecting-ip", "203.0.113.9"), forged], Source::Unknown),
            (nginx, &[("x-real-ip", "203.0.113.9"), forged], foreign("203.0.113.9")),
            (forwarded, &[forged], foreign("203.0.113.9")),
            (forwarded, &[("x-forwarded-for", "149.154.167.1"), forged], foreign("203.0.113.9")),
            (forwarded, &[forged, ("x-forwarded-for", "203.0.113.9, 149.154.167.1")], Source::Telegram),
        ] {
            assert_eq!(source(platform, headers), expected, "{platform:?} {headers:?}");
        }
    }

    #[test]
    fn the_operator_can_change_the_ranges_and_turn_the_check_off() {
        let elsewhere = [("cf-connecting-ip", "198.51.100.7")];
        let ranges = ("DOORBELL__WEBHOOK__SOURCE_RANGES", "[\"198.51.100.0/24\"]");
        assert_eq!(source(&[("RENDER", "true"), ranges], &elsewhere), Source::Telegram);
        let off = ("DOORBELL__WEBHOOK__SOURCE_CHECK", "off");
        assert_eq!(source(&[("RENDER", "true"), off], &elsewhere), Source::Telegram);
    }
}
