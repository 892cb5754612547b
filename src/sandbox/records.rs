//! What the sandbox remembers and shows: messages, calls, deliveries, the webhook. Bounded: the
//! oldest give way.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::update::UpdateId;

/// The most messages, calls and delivery attempts that are remembered, of each.
pub const REMEMBERED: usize = 10_000;

/// A message of a conversation, as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// When it was written.
    pub at: Timestamp,
    /// The conversation; the id of a private chat is the id of its user, a group's is negative.
    pub chat: i64,
    /// Who wrote it: a first name, or the bot's.
    pub from: String,
    /// Whether the bot wrote it.
    pub bot: bool,
    /// The text now; for a photo and its likes `[photo] caption`.
    pub text: String,
    /// The number of the message.
    pub message_id: i64,
    /// The update that told the bot of it; none for the bot's own and for what it does not receive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_id: Option<UpdateId>,
    /// The `reply_markup` under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buttons: Option<Value>,
    /// What it said at first and after each edit but the last, with the moment that ended it; the
    /// latest hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
}

/// A text that an edit has replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// When it was replaced.
    pub at: Timestamp,
    /// What had stood there.
    pub text: String,
}

/// A Bot API call that was received.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReceivedCall {
    /// When it arrived.
    pub at: Timestamp,
    /// The method, as it was written.
    pub method: String,
    /// The parameters, as they were sent: numbers from JSON, texts from a form. Never the bot token;
    /// a `secret_token` is masked.
    pub params: Map<String, Value>,
    /// The status of the answer; none while there is none, or if there never was one.
    pub code: Option<u16>,
    /// Whether it came in the webhook's answer to an update.
    pub in_webhook_answer: bool,
}

/// What is known of the webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookRecord {
    /// Where updates are sent.
    pub url: String,
    /// The secret token that goes with each.
    #[serde(skip)]
    pub secret: Option<String>,
    /// The kinds that are sent; empty for the default.
    pub allowed_updates: Vec<String>,
    /// The most connections at once.
    pub max_connections: u32,
}

/// One attempt to deliver an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryAttempt {
    /// The update.
    pub update_id: UpdateId,
    /// The chat it happened in, if it has one.
    pub chat: Option<i64>,
    /// The queue it waited in.
    pub queue: i64,
    /// Which attempt for this update it was, from 1.
    pub attempt: u32,
    /// When it began.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt to deliver an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is on its way.
    Sent,
    /// The webhook answered with this status; 200 to 299 acknowledges the update.
    Status(u16),
    /// There was no answer that counts, and this is why.
    Failed(String),
    /// The webhook was changed meanwhile, and the connection cut.
    Cut,
}

/// Remembers the latest [`REMEMBERED`] of something.
#[derive(Debug)]
pub(super) struct Log<T> {
    first: u64,
    items: VecDeque<T>,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { first: 0, items: VecDeque::new() }
    }
}

impl<T: Clone> Log<T> {
    /// Adds an item; the number finds it again while it is remembered.
    pub(super) fn push(&mut self, item: T) -> u64 {
        if self.items.len() == REMEMBERED {
            self.items.pop_front();
            self.first += 1;
        }
        self.items.push_back(item);
        self.first + self.items.len() as u64 - 1
    }

    pub(super) fn find(&mut self, number: u64) -> Option<&mut T> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.items.get_mut(index)
    }

    pub(super) fn list(&self) -> Vec<T> {
        self.items.iter().cloned().collect()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.items.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way_and_numbers_stay() {
        let mut log = Log::default();
        for n in 0..=REMEMBERED {
            assert_eq!(log.push(n), n as u64);
        }
        assert_eq!(log.items.len(), REMEMBERED);
        let found = [0, 1, REMEMBERED as u64 + 1].map(|number| log.find(number).copied());
        assert_eq!(found, [None, Some(1), None]);
    }
}
