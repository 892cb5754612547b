//! An update as Telegram sent it: its body, byte for byte, and the few fields that Doorbell reads from it.

mod chat_key;
mod command;
mod command_length;
mod express;
mod head;
mod kind;
mod lane;
mod lenient;
mod order;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock;

pub use chat_key::{ChatKey, NotAChatKey};
pub use command::{Command, Entity};
pub use command_length::{command_length, is_word_char};
pub use express::Express;
pub(crate) use head::lossy;
pub use kind::Kind;
pub use lane::Lane;
pub use order::{Order, OrderBy};
pub use text::Text;

/// Telegram's number of an update. It identifies the update, and says nothing about the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpdateId(pub i64);

impl fmt::Display for UpdateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
    /// Reads an update that is kept in order by chat.
    ///
    /// # Errors
    ///
    /// As [`Update::parse_in`].
    pub fn parse(body: Bytes, received_at: Timestamp) -> Result<Self, NotAnUpdate> {
        Self::parse_in(&Order::default(), body, received_at)
    }

    /// Reads the fields that Doorbell needs from a body, and skips all others. `order` chooses its key.
    ///
    /// Unknown kinds and shapes are valid. So are strings that are not UTF-8, which Telegram copies from users' clients
    /// without a change.
    ///
    /// # Errors
    ///
    /// If the body is not a JSON object, or has no integer `update_id`.
    pub fn parse_in(order: &Order, body: Bytes, received_at: Timestamp) -> Result<Self, NotAnUpdate> {
        let head = head::parse(&body).ok_or(NotAnUpdate::NotAnObject)?;
        let id = head.id.ok_or(NotAnUpdate::NoId)?;
        let kind = head.kind.unwrap_or_else(Kind::none);
        let chat_key = order.key(&head.content, &kind, id, &body);
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

    /// When its lifetime began: when Telegram created it, as far as is known. A revived update has a new lifetime.
    #[must_use]
    pub fn born_at(&self) -> Timestamp {
        clock::earlier(self.expires_at, self.kind.lifetime())
    }

    /// The time from its arrival until its answer is due. `None` if there is no deadline.
    #[must_use]
    pub fn answer_within(&self) -> Option<Duration> {
        self.chat_key.answer_within(&self.kind)
    }

    /// The content of the update, which is the value of its one field other than `update_id`, as a type of your own.
    /// Bytes that are not UTF-8 are replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// If the content does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let text = head::text(&self.body);
        serde_json::from_str(head::content(&text, &self.kind)?)
    }
}
