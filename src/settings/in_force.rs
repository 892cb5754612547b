//! The settings in force, as they may be shown.

use std::fmt;

use serde_json::Value;

/// A key as it is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key, such as `webhook.max_connections`.
    pub key: String,
    /// What it is set to.
    pub value: Shown,
    /// Where that came from.
    pub source: String,
}

/// What may be shown of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// It is not set.
    NotSet,
    /// It is a secret; this describes it.
    Secret(String),
    /// It is no secret.
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
