use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Parameters;

/// The parameters of a JSON object. In an object that is not valid, those before the error count. Anything but an object
/// has none.
pub(super) fn parameters(body: &[u8]) -> Parameters {
    let mut parameters = Parameters::default();
    // The error, if there is one, changes nothing: what was read before it is in `parameters`.
    let _ = serde_json::Deserializer::from_slice(body).deserialize_map(Pairs(&mut parameters));
    parameters
}

/// Visits the pairs of an object.
struct Pairs<'a>(&'a mut Parameters);

impl<'de> Visitor<'de> for Pairs<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match self.0.slot(&name) {
                Some(slot) => *slot = Some(value(map.next_value()?)),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A string as its text, and any other value as it is written.
fn value(raw: &RawValue) -> String {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(body: &str) -> Option<String> {
        parameters(body.as_bytes()).method
    }

    #[test]
    fn strings_are_decoded_and_other_values_stay_as_they_are_written() {
        let read = parameters(br#"{"met\u0068od":"send\u004dessage","chat_id":-1001,"chat_id":2,"x":{"method":"no"}}"#);
        assert_eq!((read.method.as_deref(), read.chat_id.as_deref()), (Some("sendMessage"), Some("-1001")));
        assert_eq!(method(r#"{"method":null}"#).as_deref(), Some("null"));
    }

    #[test]
    fn the_pairs_before_an_error_count() {
        for rest in
            ["", ",", ",}", ",\"text\":", ",\"text\":\"a", ",\"text\":}", "]", ",text:1}", "} and more", ",\"a\":tru}"]
        {
            assert_eq!(method(&format!("{{\"method\":\"sendDice\"{rest}")).as_deref(), Some("sendDice"), "{rest}");
        }
        assert_eq!(method("{\"text\":x,\"method\":\"sendDice\"}"), None);
        assert_eq!(method("{\"method\":\"sendDice"), None);
    }

    #[test]
    fn text_that_is_no_utf_8_hides_no_later_parameter() {
        let read = parameters(b"{\"text\":\"\xff\xfe\",\"method\":\"sendDice\"}");
        assert_eq!(read.method.as_deref(), Some("sendDice"));
    }

    #[test]
    fn a_string_at_the_top_is_no_object() {
        assert_eq!(method(r#""""#), None);
        assert_eq!(method(r#""{\"method\":\"sendDice\"}""#), None);
        assert_eq!(method(r#"[{"method":"sendDice"}]"#), None);
    }

    #[test]
    fn deep_nesting_is_skipped() {
        let deep = format!("{{\"a\":{}{},\"method\":\"sendDice\"}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(method(&deep).as_deref(), Some("sendDice"));
    }
}
