//! The chats of the bot, their messages, and the callback queries that wait for an answer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock;
use crate::sandbox::people::{CHANNEL, GROUP};
use crate::sandbox::records::{HISTORY_LIMIT, History, Message};

/// When this many chats are known, all are forgotten. This bounds the memory of a load test with a million
/// chats, and has an effect in strict mode only.
const MAX_CHATS: usize = 100_000;

/// A callback query can be answered for as long as its update would be delivered.
const ANSWER_WITHIN: Duration = Duration::from_secs(150);

/// The chats of the bot and the messages in them.
#[derive(Debug, Default)]
pub(crate) struct Conversations {
    /// Each chat by its id, as the Bot API shows it.
    pub(crate) chats: HashMap<i64, Value>,
    messages: History<Message>,
    /// The position in `messages` of each message id.
    positions: HashMap<i64, u64>,
    deleted: HashSet<i64>,
    last_message_id: i64,
    /// The people who have blocked the bot.
    pub(crate) blocked: HashSet<i64>,
}

impl Conversations {
    /// Records the chats that an update mentions: the bot may write to them.
    pub(crate) fn add_chats_of(&mut self, content: &Value) {
        for path in ["/chat", "/message/chat"] {
            if let Some((id, chat)) = content.pointer(path).and_then(|chat| Some((chat["id"].as_i64()?, chat))) {
                self.set_chat(id, chat.clone());
            }
        }
        if let Some((id, from)) = content.get("from").and_then(|from| Some((from["id"].as_i64()?, from))) {
            self.chat_or_insert(id, from["first_name"].as_str().unwrap_or("Ann"));
        }
    }

    pub(crate) fn set_chat(&mut self, id: i64, chat: Value) {
        self.make_room();
        self.chats.insert(id, chat);
    }

    /// The chat with this id. An unknown chat is added with this name.
    pub(crate) fn chat_or_insert(&mut self, id: i64, first_name: &str) -> &Value {
        self.make_room();
        self.chats.entry(id).or_insert_with(|| chat(id, first_name))
    }

    /// The id of the public channel with this name, without its `@`. It is added.
    pub(crate) fn public_chat(&mut self, name: &str) -> i64 {
        let hash =
            name.bytes().fold(7_i64, |hash, byte| (hash * 31 + i64::from(byte.to_ascii_lowercase())) % 1_000_000_007);
        let id = -1_001_000_000_000 - hash;
        self.set_chat(id, json!({"id": id, "title": name, "username": name, "type": "channel"}));
        id
    }

    fn make_room(&mut self) {
        if self.chats.len() >= MAX_CHATS {
            self.chats.clear();
        }
    }

    /// Takes the id of the next message. Ids count over all chats.
    pub(crate) fn next_message_id(&mut self) -> i64 {
        self.last_message_id += 1;
        self.last_message_id
    }

    pub(crate) fn write(&mut self, message: Message) {
        let (id, position) = (message.message_id, self.messages.push(message));
        self.positions.insert(id, position);
        if self.positions.len() > 2 * HISTORY_LIMIT {
            let (messages, positions) = (&mut self.messages, &mut self.positions);
            positions.retain(|_, position| messages.get_mut(*position).is_some());
            self.deleted.retain(|id| positions.contains_key(id));
        }
    }

    /// The message with this id in this chat, unless it is deleted.
    pub(crate) fn message(&mut self, chat: i64, id: i64) -> Option<&mut Message> {
        if self.deleted.contains(&id) {
            return None;
        }
        self.messages
            .get_mut(*self.positions.get(&id)?)
            .filter(|message| (message.chat, message.message_id) == (chat, id))
    }

    /// The message with this id in this chat, for reading. A deleted one is found too.
    pub(crate) fn find(&self, chat: i64, id: i64) -> Option<&Message> {
        let message = self.messages.get(*self.positions.get(&id)?)?;
        ((message.chat, message.message_id) == (chat, id)).then_some(message)
    }

    pub(crate) fn is_deleted(&self, id: i64) -> bool {
        self.deleted.contains(&id)
    }

    /// All messages, the newest first, deleted ones included.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().rev()
    }

    pub(crate) fn delete(&mut self, id: i64) {
        self.deleted.insert(id);
    }

    /// The messages that are not deleted, in the order in which they were written.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| !self.deleted.contains(&message.message_id))
    }

    /// The messages after the one with this id, deleted messages included.
    pub(crate) fn messages_after(&self, id: i64) -> Vec<Message> {
        let newer = self.messages.iter().rev().take_while(|message| message.message_id > id);
        let mut newer: Vec<_> = newer.cloned().collect();
        newer.reverse();
        newer
    }
}

/// A chat of which only the id and a writer's first name are known: a private chat if the id is positive.
pub(crate) fn chat(id: i64, first_name: &str) -> Value {
    match id {
        GROUP => json!({"id": id, "title": "Friends", "type": "group"}),
        CHANNEL => json!({"id": id, "title": "News", "type": "channel"}),
        0.. => json!({"id": id, "first_name": first_name, "type": "private"}),
        -1_000_000_000_000.. => json!({"id": id, "title": format!("Group {}", id.unsigned_abs()), "type": "group"}),
        _ => json!({"id": id, "title": format!("Group {}", id.unsigned_abs()), "type": "supergroup"}),
    }
}

/// The latest callback queries, and until when each can be answered.
#[derive(Debug, Default)]
pub(crate) struct CallbackQueries {
    deadlines: HashMap<String, Timestamp>,
    oldest_first: VecDeque<String>,
}

impl CallbackQueries {
    pub(crate) fn add(&mut self, id: &str, now: Timestamp) {
        if self.oldest_first.len() == HISTORY_LIMIT
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.deadlines.remove(&oldest);
        }
        self.deadlines.insert(id.to_owned(), clock::later(now, ANSWER_WITHIN));
        self.oldest_first.push_back(id.to_owned());
    }

    /// Whether the query can be answered now; none if the sandbox did not send it.
    pub(crate) fn is_open(&self, id: &str, now: Timestamp) -> Option<bool> {
        self.deadlines.get(id).map(|deadline| *deadline >= now)
    }
}
