//! The body of an update as text, and its content.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// The body as text: bytes that are not UTF-8 are replaced by U+FFFD, and a byte-order mark is removed.
pub(super) fn text(body: &[u8]) -> Cow<'_, str> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let mut body = body;
    while let Some(rest) = body.strip_prefix(BYTE_ORDER_MARK) {
        body = rest;
    }
    // `from_utf8` checks valid text much faster than `from_utf8_lossy`.
    str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// Reads the first field of that name as `T`, and skips all others. A missing field is read as `null`.
pub(super) fn decode_field<T: DeserializeOwned>(body: &[u8], name: &str) -> Result<T, serde_json::Error> {
    let text = text(body);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let value = FieldSeed { name, value: PhantomData }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct FieldSeed<'a, T> {
    name: &'a str,
    value: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for FieldSeed<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for FieldSeed<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an update")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut value = None;
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            if value.is_none() && name == self.name {
                value = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        value.map_or_else(|| T::deserialize(UnitDeserializer::new()), Ok)
    }
}
