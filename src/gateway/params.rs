//! The parameters of a call that the gateway answers itself, in every form in which the Bot API takes them.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::multipart;
use crate::telegram::for_each_pair;

/// The parameters of a call. Of two with the same name the first applies, and the query comes before the body.
#[derive(Default)]
pub(super) struct Params(HashMap<String, Value>);

impl Params {
    /// The parameters of a query.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        let mut params = Self::default();
        params.read_form(query.unwrap_or_default().as_bytes());
        params
    }

    /// Adds the parameters in a body of this content type. A body of another type adds none, and neither does one that
    /// cannot be read: to the Bot API it is not an error.
    pub(super) fn read(&mut self, content_type: &str, body: &[u8]) {
        let kind = content_type.to_ascii_lowercase();
        if kind.contains("application/json") {
            for_each_pair(body, |name, value| self.add(name, value));
        } else if kind.contains("application/x-www-form-urlencoded") {
            self.read_form(body);
        } else if kind.contains("multipart/form-data") {
            for (name, value) in multipart::fields(content_type, body) {
                self.add(name, Value::String(value));
            }
        }
    }

    fn read_form(&mut self, form: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(form) {
            self.add(name.into_owned(), Value::String(value.into_owned()));
        }
    }

    fn add(&mut self, name: String, value: Value) {
        self.0.entry(name).or_insert(value);
    }

    /// The value as text. A JSON value that is no string is its JSON, and `null` is no value.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(Cow::Borrowed(text)),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(Cow::Owned(other.to_string()))
            }
        }
    }

    /// Whether a flag is set, as the Bot API reads it.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| ["true", "yes", "1"].iter().any(|yes| text.eq_ignore_ascii_case(yes)))
    }

    /// The list of texts: a JSON array, its text, or the parameters `name[0]`, `name[1]`, …. `None` if it is not given or
    /// cannot be read.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let Some(text) = self.text(name) else { return self.indexed(name) };
        let Ok(Value::Array(items)) = serde_json::from_str(&text) else { return None };
        Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn indexed(&self, name: &str) -> Option<Vec<String>> {
        let items = (0..).map_while(|index| self.text(&format!("{name}[{index}]")).map(Cow::into_owned));
        Some(items.collect::<Vec<_>>()).filter(|items| !items.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
