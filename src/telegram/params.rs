//! The parameters of a Bot API call, in every form in which Telegram accepts them.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::json_pairs::for_each_pair;
use super::multipart;

/// The value of a parameter whose part is a file.
const A_FILE: &str = "(a file)";

/// The parameters of a call. Of two with the same name, the first applies, so the query is read before the body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    /// The value of each parameter.
    pub(crate) values: Map<String, Value>,
    files: Vec<UploadedFile>,
}

/// A file in a multipart body.
#[derive(Clone, Debug)]
pub(crate) struct UploadedFile {
    /// The name of its part.
    pub(crate) field: String,
    /// The name that the client gave it. It may be empty.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) content: Bytes,
}

impl From<Map<String, Value>> for Params {
    fn from(values: Map<String, Value>) -> Self {
        Self { values, files: Vec::new() }
    }
}

impl Params {
    /// The parameters of a query.
    pub(crate) fn of_query(query: Option<&str>) -> Self {
        let mut params = Self::default();
        params.read_form(query.unwrap_or_default().as_bytes());
        params
    }

    /// Adds the parameters in a body of this content type. A body of another type adds none, and one that cannot be read
    /// adds those before the error: to the Bot API that is not an error.
    pub(crate) fn read(&mut self, content_type: &str, body: &[u8]) {
        let kind = content_type.to_ascii_lowercase();
        if kind.contains("application/json") {
            for_each_pair(body, |name, value| self.add(name, value));
        } else if kind.contains("application/x-www-form-urlencoded") {
            self.read_form(body);
        } else if kind.contains("multipart/form-data") {
            for part in multipart::parts(content_type, body).flatten() {
                self.add_part(part);
            }
        }
    }

    /// Adds the parameters of a form.
    pub(crate) fn read_form(&mut self, form: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(form) {
            self.add(name.into_owned(), Value::from(value.into_owned()));
        }
    }

    fn add_part(&mut self, part: multipart::Part<'_>) {
        let content = Bytes::copy_from_slice(part.content);
        match part.file_name {
            Some(name) => self.add_file(UploadedFile { field: part.name, name, content }),
            None => self.add(part.name, Value::from(String::from_utf8_lossy(&content))),
        }
    }

    /// Adds a file. Its parameter says only that it is one.
    pub(crate) fn add_file(&mut self, file: UploadedFile) {
        self.add(file.field.clone(), Value::from(A_FILE));
        self.files.push(file);
    }

    fn add(&mut self, name: String, value: Value) {
        self.values.entry(name).or_insert(value);
    }

    /// The value as text. A JSON value that is not a string is returned as JSON.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.values.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(Cow::Borrowed(text)),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(Cow::Owned(other.to_string()))
            }
        }
    }

    /// Other parameters with the same files.
    pub(crate) fn with_values(&self, values: Map<String, Value>) -> Self {
        Self { values, files: self.files.clone() }
    }

    /// The uploaded file in the part of this name.
    pub(crate) fn file(&self, field: &str) -> Option<&UploadedFile> {
        self.files.iter().find(|file| file.field == field)
    }

    /// The number of uploaded files and the bytes of all other parameters.
    pub(crate) fn size(&self) -> (usize, usize) {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string().len(), str::len);
        (self.files.len(), self.values.iter().map(|(name, value)| name.len() + text(value)).sum())
    }

    /// The value as a number.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// Whether a flag is set, as the Bot API reads it.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| ["true", "yes", "1"].iter().any(|yes| text.eq_ignore_ascii_case(yes)))
    }

    /// The list of texts: a JSON array, its text, or the parameters `name[0]`, `name[1]`, …. `None` if it is not given or
    /// cannot be read.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        let Some(text) = self.text(name) else { return self.indexed(name) };
        let Ok(Value::Array(items)) = serde_json::from_str(&text) else { return None };
        Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn indexed(&self, name: &str) -> Option<Vec<String>> {
        let items = (0..).map_while(|index| self.text(&format!("{name}[{index}]")).map(Cow::into_owned));
        Some(items.collect::<Vec<_>>()).filter(|items| !items.is_empty())
    }

    /// The value as JSON: an object or array itself, or a string that contains JSON.
    pub(crate) fn json(&self, name: &str) -> Option<Result<Value, serde_json::Error>> {
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

    fn values(content_type: &str, body: &str) -> Value {
        Value::Object(params("", content_type, body).values)
    }

    #[test]
    fn parameters_are_read_from_json_a_form_or_multipart() {
        let expected = json!({"chat_id": "1", "text": "a b"});
        assert_eq!(values("application/x-www-form-urlencoded", "chat_id=1&text=a+b"), expected);
        assert_eq!(values("Application/JSON; charset=utf-8", r#"{"chat_id":"1","text":"a b","text":"c"}"#), expected);
        let parts = "--X\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n1\r\n--X\r\n\
                     Content-Disposition: form-data; name=\"text\"\r\n\r\na b\r\n--X--\r\n";
        assert_eq!(values("multipart/form-data; boundary=X", parts), expected);
        assert_eq!(values("text/plain", "chat_id=1"), json!({}));
    }

    #[test]
    fn the_pairs_before_the_error_in_malformed_json_are_used() {
        assert_eq!(values("application/json", r#"{"method":"sendMessage","#), json!({"method": "sendMessage"}));
        assert_eq!(values("application/json", "[1]"), json!({}));
    }

    fn params(query: &str, content_type: &str, body: &str) -> Params {
        let mut params = Params::of_query(Some(query));
        params.read(content_type, body.as_bytes());
        params
    }

    #[test]
    fn the_query_comes_before_the_body_and_the_first_of_a_name_applies() {
        let params = params("a=1&a=2", "application/x-www-form-urlencoded; charset=utf-8", "a=3&b=4+%35");
        assert_eq!(params.text("a").as_deref(), Some("1"));
        assert_eq!(params.text("b").as_deref(), Some("4 5"));
    }

    #[test]
    fn a_body_that_cannot_be_read_is_not_an_error() {
        for (content_type, body) in [
            ("application/json", "null"),
            ("application/json", "\"\""),
            ("application/json", ""),
            ("multipart/form-data", "--x"),
            ("multipart/form-data; boundary=x", ""),
            ("text/plain", "url=a"),
            ("", "url=a"),
        ] {
            assert_eq!(params("", content_type, body).text("url"), None, "{content_type}: {body}");
        }
        let broken = params("", "application/json", r#"{"url":"a","b":"#);
        assert_eq!(broken.text("url").as_deref(), Some("a"), "the pairs before the error count");
    }

    #[test]
    fn a_list_is_an_array_or_its_text_or_single_parameters() {
        let json = "application/json";
        let list = |params: Params| params.list("a").map(|items| items.join(" "));
        assert_eq!(list(params("", json, r#"{"a":["x","y",1]}"#)).as_deref(), Some("x y"));
        assert_eq!(list(params("", json, r#"{"a":"[\"x\"]"}"#)).as_deref(), Some("x"));
        assert_eq!(list(params("a=%5B%22x%22%2C+%22y%22%5D", "", "")).as_deref(), Some("x y"));
        assert_eq!(list(params("a[0]=x&a%5B1%5D=y", "", "")).as_deref(), Some("x y"));
        assert_eq!(list(params("a=[]", "", "")).as_deref(), Some(""));
        for none in ["a=", "a=x", "a={}", "b=1", "a=null"] {
            assert_eq!(list(params(none, "", "")), None, "{none}");
        }
        assert_eq!(list(params("", json, r#"{"a":null}"#)), None);
    }

    #[test]
    fn a_flag_is_set_as_telegram_reads_it() {
        for (text, set) in
            [("True", true), ("true", true), ("1", true), ("yes", true), ("False", false), ("0", false), ("", false)]
        {
            assert_eq!(params(&format!("a={text}"), "", "").flag("a"), set, "{text}");
        }
        assert!(params("", "application/json", r#"{"a":true}"#).flag("a"));
    }
}
