use http::HeaderMap;
use schemars::JsonSchema;
use secrecy::SecretString;
use url::Url;

use super::headers;
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
            headers: from.token("traces.headers", headers::WANTED, headers::check),
            service: from.text("traces.service", "a name of 1 to 255 characters", service),
        }
    }

    /// The headers of each request. Their values are marked as sensitive, so that nothing prints them.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        headers::of(self.headers.as_ref())
    }
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
}
