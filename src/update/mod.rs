//! An update as Telegram sent it: its body, byte for byte, and the few fields that Doorbell reads from it.

mod head;
mod kind;
mod lenient;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock;

pub(crate) use head::lossy;
pub use kind::Kind;

/// Telegram's number of an update. It identifies the update, and says nothing about the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpdateId(pub i64);

impl fmt::Display for UpdateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The key whose updates are handled one at a time and in order: the chat of the update if it has one, else its user,
/// else the update itself. Written `chat:42`, `user:42`, `update:42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChatKey {
    /// The chat of the update.
    Chat(i64),
    /// The user, of an update without a chat, such as an inline query.
    User(i64),
    /// The update itself, which waits for no other. For the kind `poll` it is the id of the poll, whose updates stay in
    /// order.
    Update(i64),
}

impl ChatKey {
    /// The id of the chat, if the key is a chat.
    #[must_use]
    pub fn chat_id(self) -> Option<i64> {
        match self {
            Self::Chat(id) => Some(id),
            Self::User(_) | Self::Update(_) => None,
        }
    }
}

impl fmt::Display for ChatKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat(id) => write!(f, "chat:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Update(id) => write!(f, "update:{id}"),
        }
    }
}

/// The error for a text that is not a [`ChatKey`].
#[derive(Debug, thiserror::Error)]
#[error("not a chat key (`chat:N`, `user:N` or `update:N`)")]
pub struct NotAChatKey;

impl FromStr for ChatKey {
    type Err = NotAChatKey;

    fn from_str(text: &str) -> Result<Self, NotAChatKey> {
        let (variant, id) = text.split_once(':').ok_or(NotAChatKey)?;
        let id = id.parse().or(Err(NotAChatKey))?;
        match variant {
            "chat" => Ok(Self::Chat(id)),
            "user" => Ok(Self::User(id)),
            "update" => Ok(Self::Update(id)),
            _ => Err(NotAChatKey),
        }
    }
}

/// One update: the fields that Doorbell reads, and the body as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Telegram's number for it.
    pub id: UpdateId,
    /// What the update is about.
    pub kind: Kind,
    /// The key within which it is handled in order.
    pub chat_key: ChatKey,
    /// When it arrived, or was last revived, in the clock's steady time.
    pub received_at: Timestamp,
    /// When Telegram would have stopped delivering it. It is not handled after that.
    pub expires_at: Timestamp,
    /// The latest time that Telegram wrote into it. It is in the past, so if it is later than the local clock, that clock
    /// is behind. A store need not keep it.
    pub sent_at: Option<Timestamp>,
    /// The request body, unchanged; it may hold bytes that are not UTF-8.
    pub body: Bytes,
}

/// The error for a body that is not an update.
#[derive(Debug, thiserror::Error)]
pub enum NotAnUpdate {
    /// It is not one JSON object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// It is a JSON object without an integer `update_id`.
    #[error("the body has no integer `update_id` (64 bits)")]
    NoId,
}

impl Update {
    /// Reads the fields that Doorbell needs from a body, and skips all others.
    ///
    /// Unknown kinds and shapes are valid. So are strings that are not UTF-8, which Telegram copies from users' clients
    /// without a change.
    ///
    /// # Errors
    ///
    /// If the body is not a JSON object, or has no integer `update_id`.
    pub fn parse(body: Bytes, received_at: Timestamp) -> Result<Self, NotAnUpdate> {
        let head = head::parse(&body).ok_or(NotAnUpdate::NotAnObject)?;
        let id = head.id.ok_or(NotAnUpdate::NoId)?;
        let kind = head.kind.unwrap_or_else(Kind::none);
        let chat_key = match (head.content.chat, head.content.user) {
            (Some(chat), _) => ChatKey::Chat(chat),
            (None, Some(user)) => ChatKey::User(user),
            // A poll has neither. Its updates stay in order.
            (None, None) => ChatKey::Update(head.content.id.filter(|_| kind.name() == "poll").unwrap_or(id)),
        };
        let lifetime = kind.lifetime();
        let dated = head.content.date.filter(|_| kind.is_dated());
        // Telegram delivers no update after its lifetime, and none from the future. If the date says otherwise, the local
        // clock is wrong, and the lifetime starts on arrival.
        let born = dated.and_then(|date| Timestamp::from_second(date).ok());
        let born = born.filter(|born| *born <= received_at && clock::later(*born, lifetime) > received_at);
        let expires_at = clock::later(born.unwrap_or(received_at), lifetime);
        // Telegram's dates have 32 bits. Any other number is not a date.
        let sent_at = head.content.latest.filter(|date| (1..=i64::from(u32::MAX)).contains(date));
        let sent_at = sent_at.and_then(|date| Timestamp::from_second(date).ok());
        Ok(Self { id: UpdateId(id), kind, chat_key, received_at, expires_at, sent_at, body })
    }

    /// The content of the update, which is the value of its one field other than `update_id`, as a type of your own.
    /// Bytes that are not UTF-8 are replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// If the content does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let text = head::text(&self.body);
        // The other fields are skipped, not parsed.
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(&text)?;
        serde_json::from_str(fields.get(self.kind.name()).map_or("null", |content| content.get()))
    }
}
