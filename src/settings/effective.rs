//! The effective settings, without secrets.

use std::fmt;

use serde_json::Value;

/// The effective value of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key, such as `webhook.max_connections`.
    pub key: String,
    /// Its value; a secret is only described.
    pub value: Shown,
    /// The source of the value.
    pub source: String,
}

/// A value without its secret.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// The key is not set.
    NotSet,
    /// The value is a secret; this text describes it.
    Secret(String),
    /// The value is not a secret.
    Value(Value),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSet => f.write_str("not set"),
            Self::Secret(described) => write!(f, "({described})"),
            Self::Value(Value::String(text)) => f.write_str(text),
            Self::Value(value) => value.fmt(f),
        }
    }
}
