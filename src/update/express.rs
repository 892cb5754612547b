//! Which updates do not wait for the others of their chat.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::command::{Command, Entity};
use super::head;
use super::kind::Kind;
use super::text::Text;

/// Updates that do not wait for the others of their chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Express {
    /// Messages with this command: its name, without the slash.
    Command(String),
    /// Presses of buttons whose `callback_data` begins like this.
    Data(String),
}

/// The fields of a message or a callback query that are looked at.
#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    entities: Option<Vec<Entity<'a>>>,
    #[serde(borrow)]
    caption: Option<Text<'a>>,
    #[serde(borrow)]
    caption_entities: Option<Vec<Entity<'a>>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
}

impl fmt::Display for Express {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(name) => write!(f, "/{name}"),
            Self::Data(beginning) => f.write_str(beginning),
        }
    }
}

impl Express {
    /// Reads a command with its slash, or the beginning of a `callback_data`. `None` for an empty text, which would match
    /// every button.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        match text.strip_prefix('/') {
            Some(command) => Some(Self::Command(command.to_owned())),
            None => (!text.is_empty()).then(|| Self::Data(text.to_owned())),
        }
    }

    /// Whether an update is one of these.
    pub(super) fn matches(&self, kind: &Kind, body: &[u8]) -> bool {
        let has_data = kind.name() == "callback_query";
        let may_match = match self {
            Self::Command(_) => !has_data && Command::may_be_in(body),
            Self::Data(_) => has_data,
        };
        may_match && self.is_in(kind, body).unwrap_or(false)
    }

    fn is_in(&self, kind: &Kind, body: &[u8]) -> Option<bool> {
        let text = head::text(body);
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(&text).ok()?;
        let content: Content = serde_json::from_str(fields.get(kind.name())?.get()).ok()?;
        match self {
            Self::Data(beginning) => Some(content.data?.0.starts_with(beginning.as_str())),
            Self::Command(name) => {
                let (text, entities) = match (content.text, content.caption) {
                    (Some(text), _) => (text, content.entities),
                    (None, caption) => (caption?, content.caption_entities),
                };
                let command = Command::read(&text.0, entities.as_deref())?;
                Some(command.name.eq_ignore_ascii_case(name))
            }
        }
    }
}
