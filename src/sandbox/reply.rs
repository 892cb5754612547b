//! The Bot API's answers, and the parameters of its calls.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

/// An answer of the Bot API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) body: Vec<u8>,
    pub(super) retry_after: Option<u64>,
}

impl Reply {
    pub(super) fn ok(result: impl Into<Value>) -> Self {
        Self::of(200, &json!({"ok": true, "result": result.into()}))
    }

    /// `true`, with a sentence that says more.
    pub(super) fn done(description: &str) -> Self {
        Self::of(200, &json!({"ok": true, "result": true, "description": description}))
    }

    /// A result that is JSON already.
    pub(super) fn raw(result: &[u8]) -> Self {
        Self { code: 200, body: [b"{\"ok\":true,\"result\":", result, b"}"].concat(), retry_after: None }
    }

    pub(super) fn error(code: u16, description: impl Into<String>) -> Self {
        Self::of(code, &json!({"ok": false, "error_code": code, "description": description.into()}))
    }

    pub(super) fn bad(description: &str) -> Self {
        Self::error(400, format!("Bad Request: {description}"))
    }

    /// Ask again after so many seconds: said in a header and in the body.
    pub(super) fn throttled(seconds: u64) -> Self {
        Self::later(429, &format!("Too Many Requests: retry after {seconds}"), seconds)
    }

    pub(super) fn later(code: u16, description: &str, seconds: u64) -> Self {
        let parameters = json!({"retry_after": seconds});
        let body = json!({"ok": false, "error_code": code, "description": description, "parameters": parameters});
        Self { retry_after: Some(seconds), ..Self::of(code, &body) }
    }

    fn of(code: u16, body: &Value) -> Self {
        Self { code, body: super::ascii::json(body).into(), retry_after: None }
    }
}

/// The parameters of a call. The first of two with one name counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(pub(super) Map<String, Value>);

impl Params {
    /// Adds what a body of that content type holds; nothing from one that is not understood.
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

    /// Adds the pairs of a JSON object; of a malformed one, those before the error.
    fn read_json(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        // What was read before an error stays: Telegram does not refuse such a body either.
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

    /// The value as text: a JSON value that is no text as its JSON.
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

    /// A value that is an object or a list, or JSON in a text.
    pub(super) fn json(&self, name: &str) -> Option<Result<Value, serde_json::Error>> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(serde_json::from_str(text)),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Some(Ok(other.clone())),
        }
    }
}

/// Reads a JSON object pair by pair.
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
    use super::*;

    fn params(content_type: &str, body: &str) -> Value {
        let mut params = Params::default();
        params.read(content_type, body.as_bytes());
        Value::Object(params.0)
    }

    #[test]
    fn a_call_may_come_as_json_as_a_form_or_in_parts() {
        let expected = json!({"chat_id": "1", "text": "a b"});
        assert_eq!(params("application/x-www-form-urlencoded", "chat_id=1&text=a+b"), expected);
        assert_eq!(params("Application/JSON; charset=utf-8", r#"{"chat_id":"1","text":"a b","text":"c"}"#), expected);
        let parts = "--X\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n1\r\n--X\r\n\
                     Content-Disposition: form-data; name=\"text\"\r\n\r\na b\r\n--X--\r\n";
        assert_eq!(params("multipart/form-data; boundary=X", parts), expected);
        assert_eq!(params("text/plain", "chat_id=1"), json!({}));
    }

    #[test]
    fn of_malformed_json_the_pairs_before_the_error_are_used() {
        assert_eq!(params("application/json", r#"{"method":"sendMessage","#), json!({"method": "sendMessage"}));
        assert_eq!(params("application/json", "[1]"), json!({}));
    }
}
