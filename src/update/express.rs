//! Which updates do not wait for the others of their chat.

use std::fmt;

use serde::Deserialize;

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

    /// Whether an update is one of those in the list. Most are not parsed for that: only presses of buttons and messages that
    /// may begin with a command can be.
    pub(super) fn any_matches(list: &[Self], kind: &Kind, body: &[u8]) -> bool {
        let is_press = kind.name() == "callback_query";
        let is_candidate = |express: &Self| matches!(express, Self::Data(_)) == is_press;
        list.iter().any(is_candidate)
            && (is_press || Command::may_be_in(body))
            && Self::any_is_in(list, kind, body).unwrap_or(false)
    }

    fn any_is_in(list: &[Self], kind: &Kind, body: &[u8]) -> Option<bool> {
        let text = head::text(body);
        let content: Content = serde_json::from_str(head::content(&text, kind).ok()?).ok()?;
        let (text, entities) = match content.text {
            Some(text) => (Some(text), content.entities),
            None => (content.caption, content.caption_entities),
        };
        let command = text.as_ref().and_then(|text| Command::read(&text.0, entities.as_deref()));
        Some(list.iter().any(|express| match express {
            Self::Command(name) => command.as_ref().is_some_and(|command| command.name.eq_ignore_ascii_case(name)),
            Self::Data(beginning) => content.data.as_ref().is_some_and(|data| data.0.starts_with(beginning.as_str())),
        }))
    }
}
