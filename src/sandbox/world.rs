//! The state of the sandbox: conversations, the updates that wait, the webhook. It does no I/O and
//! takes the time as `now`.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::backlog::{Backlog, Stored, first_id};
use super::conflicts::Polling;
use super::faults::Faults;
use super::records::{DeliveryAttempt, Log, Message, REMEMBERED, ReceivedCall};
use super::webhook::Hook;
use super::{ascii, queue};
use crate::clock;
use crate::update::UpdateId;

/// The bot's display name and username.
pub(super) const BOT_NAME: &str = "Doorbell";
pub(super) const BOT_USERNAME: &str = "doorbell_sandbox_bot";

/// Kinds that are sent only to who asks for them.
const ON_REQUEST: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// So many chats are remembered.
const MOST_CHATS: usize = 100_000;

/// Everything Telegram knows of one bot.
#[derive(Debug)]
pub(super) struct World {
    pub(super) backlog: Backlog,
    pub(super) hook: Option<Hook>,
    /// Ends the `setWebhook` that waits for its checks.
    pub(super) setting: Option<CancellationToken>,
    pub(super) next_set_at: Timestamp,
    /// The kinds the bot asked for; none for the default.
    pub(super) allowed: Option<Vec<String>>,
    pub(super) polling: Polling,
    pub(super) faults: Faults,
    pub(super) routes: HashMap<String, SocketAddr>,
    pub(super) strict: bool,
    /// Where the bot is to be reached, as whoever started both said.
    pub(super) bot_url: Option<String>,
    pub(super) chats: HashMap<i64, Value>,
    /// Commands by scope and language.
    pub(super) commands: BTreeMap<String, Value>,
    /// Callback queries that wait for their answer, until when.
    pub(super) queries: HashMap<String, Timestamp>,
    queries_in_order: VecDeque<String>,
    pub(super) messages: Log<Message>,
    /// Where the messages are, by their number.
    numbers: HashMap<i64, u64>,
    next_message: i64,
    pub(super) deleted: HashSet<i64>,
    pub(super) calls: Log<ReceivedCall>,
    pub(super) deliveries: Log<DeliveryAttempt>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            backlog: Backlog::new(first_id()),
            hook: None,
            setting: None,
            next_set_at: Timestamp::MIN,
            allowed: None,
            polling: Polling::default(),
            faults: Faults::default(),
            routes: HashMap::new(),
            strict: false,
            bot_url: None,
            chats: HashMap::new(),
            commands: BTreeMap::new(),
            queries: HashMap::new(),
            queries_in_order: VecDeque::new(),
            messages: Log::default(),
            numbers: HashMap::new(),
            next_message: 1,
            deleted: HashSet::new(),
            calls: Log::default(),
            deliveries: Log::default(),
        }
    }

    /// Queues an update of any kind, if the bot receives that kind.
    pub(super) fn push(&mut self, now: Timestamp, kind: &str, content: &Value) -> Option<UpdateId> {
        self.meet(content);
        if let Some(id) = content.get("id").and_then(Value::as_str).filter(|_| kind == "callback_query") {
            self.expect_answer(id, now);
        }
        self.push_encoded(now, kind, content, ascii::json(content))
    }

    /// Queues an update whose JSON is given as bytes, beside what it says.
    pub(super) fn push_encoded(
        &mut self,
        now: Timestamp,
        kind: &str,
        content: &Value,
        bytes: Bytes,
    ) -> Option<UpdateId> {
        let chat = content.pointer("/chat/id").or_else(|| content.pointer("/message/chat/id"));
        self.store(Stored {
            kind: kind.to_owned(),
            content: bytes,
            queue: queue::key(kind, content),
            chat: chat.and_then(Value::as_i64),
            expires_at: queue::expires_at(kind, content, now),
            attempts: 0,
        })
    }

    pub(super) fn store(&mut self, update: Stored) -> Option<UpdateId> {
        self.allows(&update.kind).then(|| self.backlog.push(update)).flatten().map(UpdateId)
    }

    pub(super) fn allows(&self, kind: &str) -> bool {
        match &self.allowed {
            Some(allowed) => allowed.iter().any(|name| name == kind),
            None => !ON_REQUEST.contains(&kind),
        }
    }

    /// Remembers the chats that an update speaks of: the bot may write to them.
    fn meet(&mut self, content: &Value) {
        self.make_room_for_chats();
        for path in ["/chat", "/message/chat"] {
            if let Some((id, chat)) = content.pointer(path).and_then(|chat| Some((chat["id"].as_i64()?, chat))) {
                self.chats.insert(id, chat.clone());
            }
        }
        if let Some((id, from)) = content.get("from").and_then(|from| Some((from["id"].as_i64()?, from))) {
            let first_name = from["first_name"].as_str().unwrap_or("Ann");
            self.chats.entry(id).or_insert_with(|| private_chat(id, first_name));
        }
    }

    /// One chat too many, and all are forgotten: that keeps a load test with a million chats small,
    /// and shows in strict mode only.
    pub(super) fn make_room_for_chats(&mut self) {
        if self.chats.len() >= MOST_CHATS {
            self.chats.clear();
        }
    }

    /// A callback query can be answered for so long as it would be delivered.
    pub(super) fn expect_answer(&mut self, id: &str, now: Timestamp) {
        if self.queries_in_order.len() == REMEMBERED
            && let Some(oldest) = self.queries_in_order.pop_front()
        {
            self.queries.remove(&oldest);
        }
        self.queries.insert(id.to_owned(), clock::later(now, Duration::from_secs(150)));
        self.queries_in_order.push_back(id.to_owned());
    }

    /// The number of the next message, of whatever chat.
    pub(super) fn message_number(&mut self) -> i64 {
        let number = self.next_message;
        self.next_message += 1;
        number
    }

    pub(super) fn write(&mut self, message: Message) {
        let (id, number) = (message.message_id, self.messages.push(message));
        self.numbers.insert(id, number);
        if self.numbers.len() > 2 * REMEMBERED {
            let messages = &mut self.messages;
            self.numbers.retain(|_, number| messages.find(*number).is_some());
            let numbers = &self.numbers;
            self.deleted.retain(|id| numbers.contains_key(id));
        }
    }

    /// The message of that number in that chat, if it has not been deleted.
    pub(super) fn message(&mut self, chat: i64, id: i64) -> Option<&mut Message> {
        if self.deleted.contains(&id) {
            return None;
        }
        self.messages.find(*self.numbers.get(&id)?).filter(|message| message.chat == chat && message.message_id == id)
    }
}

pub(super) fn bot_id() -> i64 {
    super::TOKEN.split(':').next().and_then(|id| id.parse().ok()).unwrap_or_default()
}

pub(super) fn private_chat(id: i64, first_name: &str) -> Value {
    json!({"id": id, "first_name": first_name, "type": "private"})
}

/// The chat of that id, when all that is known of it is who spoke there.
pub(super) fn chat_of(id: i64, first_name: &str) -> Value {
    match id {
        0.. => private_chat(id, first_name),
        -1_000_000_000_000.. => json!({"id": id, "title": format!("Group {}", id.unsigned_abs()), "type": "group"}),
        _ => json!({"id": id, "title": format!("Group {}", id.unsigned_abs()), "type": "supergroup"}),
    }
}
