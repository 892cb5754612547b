use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Calls `add` with each pair of a JSON object, in order, as the Bot API reads a JSON body: the pairs before an error count,
/// and a body that is no object has none. Bytes that are not UTF-8 are replaced.
pub fn for_each_pair(body: &[u8], add: impl FnMut(String, Value)) {
    let text = String::from_utf8_lossy(body);
    // The error, if there is one, changes nothing: the pairs before it were added.
    let _ = Pairs(add).deserialize(&mut serde_json::Deserializer::from_str(&text));
}

/// Deserializes a JSON object pair by pair.
struct Pairs<F>(F);

impl<'de, F: FnMut(String, Value)> DeserializeSeed<'de> for Pairs<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(String, Value)> Visitor<'de> for Pairs<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry()? {
            (self.0)(name, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(body: &[u8]) -> Vec<(String, Value)> {
        let mut pairs = Vec::new();
        for_each_pair(body, |name, value| pairs.push((name, value)));
        pairs
    }

    #[test]
    fn the_pairs_before_an_error_count_and_what_is_no_object_has_none() {
        assert_eq!(pairs(b"{\"a\":1,\"b\":x}"), [("a".to_owned(), 1.into())]);
        assert_eq!(pairs(b"{\"a\":\"\xff\"}"), [("a".to_owned(), "\u{fffd}".into())]);
        for body in ["null", "\"\"", "[1]", "", "not JSON"] {
            assert!(pairs(body.as_bytes()).is_empty(), "{body}");
        }
    }
}
