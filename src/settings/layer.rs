//! A layer: the values that one source sets. It is a `config::Source`.
//!
//! A secret never enters a `config::Value`, whose `Debug` prints its content. Its text is in a map of
//! its own; the value has no content (`Nil`), only the origin.

use std::collections::BTreeMap;

use config::{ConfigError, Map, Source, Value, ValueKind};
use secrecy::{ExposeSecret, SecretString};

use super::problem::Problem;
use super::{describe, keys, toml_value};

/// The values that one source sets, and the problems of the source itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    values: Map<String, Value>,
    pub(super) secrets: BTreeMap<String, SecretString>,
    pub(super) problems: Vec<Problem>,
    /// Whether the source could not be read. A key that seems to be missing may be in it.
    pub(super) is_unreadable: bool,
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.values.clone())
    }
}

impl Layer {
    /// A layer without values and with one problem.
    pub(super) fn with_problem(problem: Problem) -> Self {
        Self { problems: vec![problem], ..Self::default() }
    }

    /// Sets a key that is not a secret.
    pub(super) fn set(&mut self, key: &str, mut value: Value) {
        // `config` would merge tables, and drop their origin. A table is never the value of a key.
        if matches!(value.kind, ValueKind::Table(_)) {
            value.kind = ValueKind::Nil;
        }
        if keys::known().contains_key(key) {
            self.values.insert(key.to_owned(), value);
        } else {
            let origin = value.origin().unwrap_or_default().to_owned();
            self.unknown(key, origin, keys::nearest_key(key).map(str::to_owned));
        }
    }

    /// Sets a key to a text that is not from a file. The text is parsed as the type of the key's default, if possible.
    pub(super) fn set_text(&mut self, key: &str, text: &SecretString, origin: &str) {
        let new = |kind: ValueKind| Value::new(Some(&origin.to_owned()), kind);
        if keys::is_secret(key) {
            self.secrets.insert(key.to_owned(), text.clone());
            return self.set(key, new(ValueKind::Nil));
        }
        let text = text.expose_secret();
        let is_text = keys::known().get(key).is_none_or(toml::Value::is_str);
        let value = if is_text { None } else { toml_value::parse(text.trim(), origin) };
        self.set(key, value.unwrap_or_else(|| new(text.into())));
    }

    /// Reports a key that does not exist. Its value is not shown: it can be a secret under a mistyped
    /// key.
    pub(super) fn unknown(&mut self, key: &str, source: String, nearest: Option<String>) {
        let hint = match nearest {
            Some(nearest) => format!("the nearest is {nearest}"),
            None => "`doorbell settings --schema` prints all keys".to_owned(),
        };
        let problem = Problem::new(&describe::text(key), source, "a key that does not exist", "a known key");
        self.problems.push(problem.with_hint(hint));
    }
}
