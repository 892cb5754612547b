//! The records that a sandbox keeps and shows: messages, calls, delivery attempts, the webhook. The oldest are
//! dropped first.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock;
use crate::telegram::Params;
use crate::update::UpdateId;

/// The maximum number of messages, of calls and of delivery attempts that a sandbox keeps.
pub const HISTORY_LIMIT: usize = 10_000;

/// The maximum number of edits that are kept of a message.
const MAX_EDITS: usize = 100;

/// The longest response that is kept with its call, in bytes.
const MAX_ANSWER: usize = 4 << 10;

/// The id that stands for an update the bot does not receive: it did not ask for the kind, or more are pending
/// than Telegram stores.
pub const NOT_RECEIVED: UpdateId = UpdateId(0);

/// A message in its current form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// When it was written.
    pub at: Timestamp,
    /// The id of the chat. In a private chat it is the user's id; a group's is negative.
    pub chat: i64,
    /// The first name of the writer, or the name of the bot.
    pub from: String,
    /// Whether the bot wrote it.
    pub bot: bool,
    /// The current text. For media it is `[photo] caption`.
    pub text: String,
    /// The id of the message.
    pub message_id: i64,
    /// The update that carries it, or none if the bot wrote it or does not receive it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_id: Option<UpdateId>,
    /// The `reply_markup` of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buttons: Option<Value>,
    /// Its fields in the Bot API in place of `text`, such as `photo` and `caption`; none if it is a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Value>,
    /// Its other fields in the Bot API, such as `entities`, `forward_origin` and `media_group_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<Value>,
    /// The id of the message to which it replies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<i64>,
    /// The texts that edits replaced, oldest first, at most the latest hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
}

impl Message {
    /// Gives it another text, and keeps the one before.
    pub(super) fn edited(&mut self, at: Timestamp, text: String) {
        if self.edits.len() == MAX_EDITS {
            self.edits.remove(0);
        }
        let before = std::mem::replace(&mut self.text, text);
        self.edits.push(Edit { at, text: before });
    }
}

/// A text that an edit has replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// When it was replaced.
    pub at: Timestamp,
    /// The text before the edit.
    pub text: String,
}

/// A Bot API call that was received.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReceivedCall {
    /// When it arrived.
    pub at: Timestamp,
    /// The method, spelt as in the request.
    pub method: String,
    /// The parameters as sent: JSON keeps its types, a form gives strings. They never contain the bot token;
    /// a `secret_token` is masked.
    pub params: Map<String, Value>,
    /// The status of the response, or none if there is no response yet or never was one.
    pub code: Option<u16>,
    /// The time until the response.
    #[serde(skip)]
    pub took: Option<Duration>,
    /// The body of the response, if it is short enough to be kept.
    #[serde(skip)]
    pub answer: Option<Bytes>,
    /// Whether the call was in the webhook's response to an update.
    pub in_webhook_answer: bool,
}

impl ReceivedCall {
    pub(super) fn new(at: Timestamp, method: &str, params: &Params, in_webhook_answer: bool) -> Self {
        let mut params = params.values.clone();
        if let Some(secret) = params.get_mut("secret_token") {
            *secret = Value::from("(not shown)");
        }
        Self { at, method: method.to_owned(), params, code: None, took: None, answer: None, in_webhook_answer }
    }

    /// Records the response.
    pub(super) fn answered(&mut self, now: Timestamp, code: u16, body: Option<Bytes>) {
        self.code = Some(code);
        self.took = Some(clock::elapsed(self.at, now));
        self.answer = body.filter(|body| body.len() <= MAX_ANSWER);
    }
}

/// The webhook that is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookRecord {
    /// The URL that receives updates.
    pub url: String,
    /// The secret token sent with each update.
    #[serde(skip)]
    pub secret: Option<String>,
    /// The kinds of update that are sent, or empty for the default.
    pub allowed_updates: Vec<String>,
    /// The maximum number of simultaneous connections.
    pub max_connections: u32,
}

/// One attempt to deliver an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryAttempt {
    /// The update.
    pub update_id: UpdateId,
    /// The chat of the update, if it has one.
    pub chat: Option<i64>,
    /// The queue of the update.
    pub queue: i64,
    /// The number of this attempt for the update, from 1.
    pub attempt: u32,
    /// When it began.
    pub at: Timestamp,
    /// Its outcome.
    pub outcome: DeliveryOutcome,
    /// The time until the outcome.
    #[serde(skip)]
    pub took: Option<Duration>,
    /// The seconds to wait that the webhook asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// When the next attempt can be made; none if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

/// The outcome of an attempt to deliver an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// The request is in flight.
    Sent,
    /// The webhook responded with this status. 200 to 299 acknowledges the update.
    Status(u16),
    /// There was no valid response, for this reason.
    Failed(String),
    /// The connection was cut because the webhook changed.
    Cut,
}

/// The latest [`HISTORY_LIMIT`] items of a sequence.
#[derive(Debug)]
pub(super) struct History<T> {
    first: u64,
    items: VecDeque<T>,
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { first: 0, items: VecDeque::new() }
    }
}

impl<T: Clone> History<T> {
    /// Adds an item and returns its position, which remains valid while the item is kept.
    pub(super) fn push(&mut self, item: T) -> u64 {
        if self.items.len() == HISTORY_LIMIT {
            self.items.pop_front();
            self.first += 1;
        }
        self.items.push_back(item);
        self.first + self.items.len() as u64 - 1
    }

    pub(super) fn get(&self, position: u64) -> Option<&T> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.items.get(index)
    }

    pub(super) fn get_mut(&mut self, position: u64) -> Option<&mut T> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.items.get_mut(index)
    }

    pub(super) fn list(&self) -> Vec<T> {
        self.items.iter().cloned().collect()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.items.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.items.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_item_is_dropped_and_positions_remain_valid() {
        let mut history = History::default();
        for n in 0..=HISTORY_LIMIT {
            assert_eq!(history.push(n), n as u64);
        }
        assert_eq!(history.items.len(), HISTORY_LIMIT);
        let found = [0, 1, HISTORY_LIMIT as u64 + 1].map(|position| history.get_mut(position).copied());
        assert_eq!(found, [None, Some(1), None]);
    }
}
