use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::telegram::base_url;
use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

/// `[traces]`: the export of traces to an OpenTelemetry collector.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TracesSettings {
    /// The collector's base URL, as in `OTEL_EXPORTER_OTLP_ENDPOINT`. Without one nothing is exported.
    #[schemars(with = "String")]
    pub endpoint: Option<Url>,
    /// The headers of each request, in the syntax of `OTEL_EXPORTER_OTLP_HEADERS`, which is valid.
    #[schemars(with = "String")]
    pub headers: Option<SecretString>,
    /// The name of this service in the traces.
    pub service: String,
}

impl TracesSettings {
    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        Self {
            endpoint: from.optional(
                "traces.endpoint",
                "the base URL of a collector, without /v1/traces, such as http://localhost:4318",
                endpoint,
            ),
            headers: from.token("traces.headers", "headers such as name=value, with commas between them", |text| {
                headers(text).map(drop).ok_or_else(Refusal::default)
            }),
            service: from.text("traces.service", "a name of 1 to 255 characters", service),
        }
    }

    /// The headers of each request. Their values are marked as sensitive, so that nothing prints them.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.headers.as_ref().and_then(|text| headers(text.expose_secret())).unwrap_or_default()
    }
}

/// Reads pairs with commas between them and percent-encoded values, as the OpenTelemetry specification says.
fn headers(text: &str) -> Option<HeaderMap> {
    // With & between them the pairs are those of a form, in which a plus would be a space.
    let form = text.replace('+', "%2B").replace('&', "%26").replace(',', "&");
    let header = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        let mut value = HeaderValue::from_str(value.trim()).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some((name.trim().parse::<HeaderName>().ok()?, value))
    };
    form_urlencoded::parse(form.as_bytes()).map(header).collect()
}

fn endpoint(text: &str) -> Result<Url, Refusal> {
    let url = base_url(text)?;
    if url.path().trim_end_matches('/').ends_with("/v1/traces") {
        return Err(Refusal::hint("the service adds /v1/traces itself"));
    }
    Ok(url)
}

fn service(name: &str) -> Result<String, Refusal> {
    let is_one = !name.trim().is_empty() && name.chars().count() <= 255 && !name.chars().any(char::is_control);
    if is_one { Ok(name.trim().to_owned()) } else { Err(Refusal::default()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_http_base_url_and_a_password_in_it_is_refused_unshown() {
        for url in ["http://localhost:4318", "https://collector.example.org/otlp/", " http://[::1]:4318 "] {
            assert!(endpoint(url).is_ok(), "{url}");
        }
        for url in [
            "localhost:4318",
            "grpc://localhost:4317",
            "http://a.example/?key=1",
            "http://a.example/v1/traces",
            "http://",
        ] {
            assert!(endpoint(url).is_err(), "{url}");
        }
        let refusal = endpoint("https://me:pass-word@collector.example.org").unwrap_err();
        let found = refusal.found.unwrap();
        assert!(found.contains("a user name or password") && !found.contains("pass-word"), "{found}");
    }

    #[test]
    fn headers_are_pairs_and_what_stands_in_them_is_not_printed() {
        let read = headers("authorization=Basic%20YTpi+/Yw==, X-Scope = a%2Cb").unwrap();
        assert_eq!(read["authorization"], "Basic YTpi+/Yw==");
        assert_eq!(read["x-scope"], "a,b");
        assert!(!format!("{read:?}").contains("YTpi"));
        for text in ["authorization", "=a", "a b=c", "a=", "a=%0A", "a=b,c"] {
            assert!(headers(text).is_none(), "{text}");
        }
    }
}
