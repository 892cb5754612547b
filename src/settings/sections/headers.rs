//! Headers in the syntax of `OTEL_EXPORTER_OTLP_HEADERS`.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use crate::settings::problem::Refusal;

/// The valid form.
pub(super) const WANTED: &str = "headers such as name=value, with commas between them";

/// Checks a text.
pub(super) fn check(text: &str) -> Result<(), Refusal> {
    headers(text).map(drop).ok_or_else(Refusal::default)
}

/// The headers of a text that is valid. Their values are marked as sensitive, so that nothing prints them.
pub(super) fn of(text: Option<&SecretString>) -> HeaderMap {
    text.and_then(|text| headers(text.expose_secret())).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

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
