//! The parameters of a Bot API call, in every form in which Telegram accepts them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The parameters of a call. Of two with the same name, the first applies.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(pub(super) Map<String, Value>);

impl Params {
    /// Adds the parameters in a body of this content type. A body of another type adds none.
    pub(super) fn read(&mut self, content_type: &str, body: &[u8]) {
        let kind = content_type.to_ascii_lowercase();
        if kind.contains("application/json") {
            self.read_json(body);
        } else if kind.contains("application/x-www-form-urlencoded") {
            self.read_form(body);
        } else if let (true, Some((_, boundary))) =
            (kind.contains("multipart/form-data"), content_type.split_once("boundary="))
        {
            let boundary = boundary.split(';').next().unwrap_or_default().trim().trim_matches('"');
            self.read_multipart(&String::from_utf8_lossy(body), boundary);
        }
    }

    pub(super) fn read_form(&mut self, form: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(form) {
            self.add(name.into_owned(), Value::from(value.into_owned()));
        }
    }

    /// Adds the pairs of a JSON object. If it is malformed, adds those before the error.
    fn read_json(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        // Telegram does not refuse a malformed body either: the pairs before the error remain.
        Pairs(self).deserialize(&mut serde_json::Deserializer::from_str(&text)).ok();
    }

    fn read_multipart(&mut self, body: &str, boundary: &str) {
        for part in body.split(&format!("--{boundary}")) {
            let Some((head, value)) = part.split_once("\r\n\r\n") else { continue };
            let name = head.split_once("name=\"").and_then(|(_, rest)| rest.split_once('"'));
            let Some((name, _)) = name else { continue };
            let value = if head.contains("filename=") { "(a file)" } else { value.trim_end_matches("\r\n") };
            self.add(name.to_owned(), Value::from(value));
        }
    }

    fn add(&mut self, name: String, value: Value) {
        self.0.entry(name).or_insert(value);
    }

    /// The value as text. A JSON value that is not a string is returned as JSON.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(Cow::Borrowed(text)),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(Cow::Owned(other.to_string()))
            }
        }
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| ["true", "yes", "1"].iter().any(|yes| text.eq_ignore_ascii_case(yes)))
    }

    /// The value as JSON: an object or array itself, or a string that contains JSON.
    pub(super) fn json(&self, name: &str) -> Option<Result<Value, serde_json::Error>> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(serde_json::from_str(text)),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Some(Ok(other.clone())),
        }
    }
}

/// Deserializes a JSON object pair by pair.
struct Pairs<'a>(&'a mut Params);

impl<'de> DeserializeSeed<'de> for Pairs<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pairs<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry()? {
            self.0.add(name, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn params(content_type: &str, body: &str) -> Value {
        let mut params = Params::default();
        params.read(content_type, body.as_bytes());
        Value::Object(params.0)
    }

    #[test]
    fn parameters_are_read_from_json_a_form_or_multipart() {
        let expected = json!({"chat_id": "1", "text": "a b"});
        assert_eq!(params("application/x-www-form-urlencoded", "chat_id=1&text=a+b"), expected);
        assert_eq!(params("Application/JSON; charset=utf-8", r#"{"chat_id":"1","text":"a b","text":"c"}"#), expected);
        let parts = "--X\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n1\r\n--X\r\n\
                     Content-Disposition: form-data; name=\"text\"\r\n\r\na b\r\n--X--\r\n";
        assert_eq!(params("multipart/form-data; boundary=X", parts), expected);
        assert_eq!(params("text/plain", "chat_id=1"), json!({}));
    }

    #[test]
    fn the_pairs_before_the_error_in_malformed_json_are_used() {
        assert_eq!(params("application/json", r#"{"method":"sendMessage","#), json!({"method": "sendMessage"}));
        assert_eq!(params("application/json", "[1]"), json!({}));
    }
}
