//! The parameters of a Bot API call, in every form in which Telegram accepts them.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::multipart;
use crate::telegram::for_each_pair;

/// The value of a parameter whose part is a file.
const A_FILE: &str = "(a file)";

/// The parameters of a call. Of two with the same name, the first applies.
#[derive(Clone, Debug, Default)]
pub(super) struct Params {
    pub(super) values: Map<String, Value>,
    files: Vec<UploadedFile>,
}

/// A file in a multipart body.
#[derive(Clone, Debug)]
pub(super) struct UploadedFile {
    /// The name of its part.
    pub(super) field: String,
    /// The name that the client gave it. It may be empty.
    pub(super) name: String,
    pub(super) content: Bytes,
}

impl From<Map<String, Value>> for Params {
    fn from(values: Map<String, Value>) -> Self {
        Self { values, files: Vec::new() }
    }
}

impl Params {
    /// Adds the parameters in a body of this content type. A body of another type adds none.
    pub(super) fn read(&mut self, content_type: &str, body: &[u8]) {
        let kind = content_type.to_ascii_lowercase();
        if kind.contains("application/json") {
            for_each_pair(body, |name, value| self.add(name, value));
        } else if kind.contains("application/x-www-form-urlencoded") {
            self.read_form(body);
        } else if let (true, Some((_, boundary))) =
            (kind.contains("multipart/form-data"), content_type.split_once("boundary="))
        {
            let boundary = boundary.split(';').next().unwrap_or_default().trim().trim_matches('"');
            for part in multipart::parts(body, boundary) {
                self.add_part(part);
            }
        }
    }

    pub(super) fn read_form(&mut self, form: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(form) {
            self.add(name.into_owned(), Value::from(value.into_owned()));
        }
    }

    /// Adds the pairs of a JSON object. If it is malformed, adds those before the error.
    fn add_part(&mut self, part: multipart::Part<'_>) {
        let content = Bytes::copy_from_slice(part.content);
        match part.file_name {
            Some(name) => self.add_file(UploadedFile { field: part.name, name, content }),
            None => self.add(part.name, Value::from(String::from_utf8_lossy(&content))),
        }
    }

    /// Adds a file. Its parameter says only that it is one.
    pub(super) fn add_file(&mut self, file: UploadedFile) {
        self.add(file.field.clone(), Value::from(A_FILE));
        self.files.push(file);
    }

    fn add(&mut self, name: String, value: Value) {
        self.values.entry(name).or_insert(value);
    }

    /// The value as text. A JSON value that is not a string is returned as JSON.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.values.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(Cow::Borrowed(text)),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(Cow::Owned(other.to_string()))
            }
        }
    }

    /// Other parameters with the same files.
    pub(super) fn with_values(&self, values: Map<String, Value>) -> Self {
        Self { values, files: self.files.clone() }
    }

    /// The uploaded file in the part of this name.
    pub(super) fn file(&self, field: &str) -> Option<&UploadedFile> {
        self.files.iter().find(|file| file.field == field)
    }

    /// The number of uploaded files and the bytes of all other parameters.
    pub(super) fn size(&self) -> (usize, usize) {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string().len(), str::len);
        (self.files.len(), self.values.iter().map(|(name, value)| name.len() + text(value)).sum())
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| ["true", "yes", "1"].iter().any(|yes| text.eq_ignore_ascii_case(yes)))
    }

    /// The value as JSON: an object or array itself, or a string that contains JSON.
    pub(super) fn json(&self, name: &str) -> Option<Result<Value, serde_json::Error>> {
        match self.values.get(name)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(serde_json::from_str(text)),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Some(Ok(other.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn params(content_type: &str, body: &str) -> Value {
        let mut params = Params::default();
        params.read(content_type, body.as_bytes());
        Value::Object(params.values)
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
