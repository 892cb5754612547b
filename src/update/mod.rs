//! An update as Telegram sent it: its body kept byte for byte, and as little of it read as the way
//! through Doorbell needs.

mod head;
mod kind;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock;

pub use kind::Kind;

/// The number Telegram gave an update; it identifies the update, and says nothing about order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpdateId(pub i64);

impl fmt::Display for UpdateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is handled one at a time, in order: the chat of an update, else its user, else the update
/// alone. Written `chat:42`, `user:42`, `update:42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChatKey {
    /// The chat the update happened in.
    Chat(i64),
    /// The user who caused an update that has no chat, such as an inline query.
    User(i64),
    /// The update itself: it waits for nobody. Of a `poll`, the poll: its updates wait for one another.
    Update(i64),
}

impl ChatKey {
    /// The chat's id, where there is a chat.
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

/// A text that is not a [`ChatKey`].
#[derive(Debug, thiserror::Error)]
#[error("not a chat key (`chat:N`, `user:N` or `update:N`)")]
pub struct NotAChatKey;

impl FromStr for ChatKey {
    type Err = NotAChatKey;

    fn from_str(text: &str) -> Result<Self, NotAChatKey> {
        let (what, id) = text.split_once(':').ok_or(NotAChatKey)?;
        let id = id.parse().or(Err(NotAChatKey))?;
        match what {
            "chat" => Ok(Self::Chat(id)),
            "user" => Ok(Self::User(id)),
            "update" => Ok(Self::Update(id)),
            _ => Err(NotAChatKey),
        }
    }
}

/// One update: what its way needs, and its body as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Telegram's number for it.
    pub id: UpdateId,
    /// What it is about.
    pub kind: Kind,
    /// Whom it waits behind.
    pub chat_key: ChatKey,
    /// When it arrived here, or was last revived, on the clock's steady time.
    pub received_at: Timestamp,
    /// When Telegram would have given up delivering it: after this it is not handled any more.
    pub expires_at: Timestamp,
    /// The latest time that Telegram wrote into it. It is never later than the true time: where it is later
    /// than our clock, our clock is behind. An inbox need not keep it.
    pub sent_at: Option<Timestamp>,
    /// The request body, unchanged; it may hold bytes that are not UTF-8.
    pub body: Bytes,
}

/// Why a body is not an update.
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
    /// Reads what the way of an update needs from its body.
    ///
    /// Everything else is passed over unread: unknown kinds and shapes are welcome, and so are
    /// strings that are not UTF-8, which Telegram copies unchanged from users' clients.
    ///
    /// # Errors
    ///
    /// When the body is not a JSON object, or has no integer `update_id`.
    pub fn read(body: Bytes, received_at: Timestamp) -> Result<Self, NotAnUpdate> {
        let head = head::read(&body)?;
        let id = head.id.ok_or(NotAnUpdate::NoId)?;
        let kind = head.kind.unwrap_or_else(Kind::none);
        let chat_key = match (head.content.chat, head.content.user) {
            (Some(chat), _) => ChatKey::Chat(chat),
            (None, Some(user)) => ChatKey::User(user),
            // A poll has neither; its updates wait for one another.
            (None, None) => ChatKey::Update(head.content.id.filter(|_| kind.name() == "poll").unwrap_or(id)),
        };
        let lifetime = kind.lifetime();
        let dated = head.content.date.filter(|_| kind.is_dated());
        // Telegram sends nothing it would have dropped by now, nor anything from the future. Where a date
        // says so our clock is wrong, and the life begins on arrival.
        let born = dated.and_then(|date| Timestamp::from_second(date).ok());
        let born = born.filter(|born| *born <= received_at && clock::later(*born, lifetime) > received_at);
        let expires_at = clock::later(born.unwrap_or(received_at), lifetime);
        // Dates of Telegram's have 32 bits; anything else is none.
        let sent_at = head.content.latest.filter(|date| (1..=i64::from(u32::MAX)).contains(date));
        let sent_at = sent_at.and_then(|date| Timestamp::from_second(date).ok());
        Ok(Self { id: UpdateId(id), kind, chat_key, received_at, expires_at, sent_at, body })
    }

    /// The content of the update, the value of its one field beside `update_id`, as a type of
    /// yours. Strings that are not UTF-8 come with U+FFFD in the place of what is not.
    ///
    /// # Errors
    ///
    /// When the content does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let text = String::from_utf8_lossy(&self.body);
        let mut fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        T::deserialize(fields.remove(self.kind.name()).unwrap_or_default())
    }
}
