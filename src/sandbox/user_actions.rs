//! The actions of users: they write messages and press buttons.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::ascii_json;
use super::entities::{Entity, detect};
use super::handle::Sandbox;
use super::methods::messages::{to_json, with_reply};
use super::people::{UserJson, bot_user, user};
use super::records::{Message, NOT_RECEIVED};
use super::state::State;
use super::state::backlog::PendingUpdate;
use super::state::conversations;
use super::state::presses::Press;
use crate::update::UpdateId;

/// A message in an update, with its fields in Telegram's order.
#[derive(Serialize)]
struct MessageJson<'a> {
    message_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<UserJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_chat: Option<&'a Value>,
    chat: &'a Value,
    date: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    edit_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to_message: Option<Value>,
    text: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entities: Vec<Entity>,
}

#[derive(Serialize)]
struct QueryJson<'a> {
    id: &'a str,
    from: UserJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
    chat_instance: &'a str,
    data: &'a str,
}

impl Sandbox {
    /// Writes a text as a user: in a private chat if `chat` is positive, in a group if it is negative. Returns
    /// [`NOT_RECEIVED`] if the bot does not receive it.
    #[expect(clippy::must_use_candidate, reason = "callers may want the effect only")]
    pub fn send_text(&self, chat: i64, first_name: &str, text: &str) -> UpdateId {
        self.send_reply(chat, first_name, text, None)
    }

    /// Writes a text as [`send_text`](Self::send_text) does, as a reply to a message if one is given.
    pub(super) fn send_reply(&self, chat: i64, first_name: &str, text: &str, reply_to: Option<i64>) -> UpdateId {
        let send = |state: &mut State, now| send_text(state, now, (chat, first_name), text, reply_to);
        self.shared.change(send).unwrap_or(NOT_RECEIVED)
    }

    /// Edits a text that a user wrote. Returns whether there is such a message.
    pub(super) fn edit_text(&self, chat: i64, message_id: i64, text: &str) -> bool {
        self.shared.change(|state, now| edit_text(state, now, chat, message_id, text))
    }

    /// Presses a button of a message as a user, which sends `data` to the bot.
    #[expect(clippy::must_use_candidate, reason = "callers may want the effect only")]
    pub fn press_button(&self, chat: i64, first_name: &str, message_id: i64, data: &str) -> UpdateId {
        let press = |state: &mut State, now| press_button(state, now, chat, first_name, message_id, data);
        self.shared.change(press).unwrap_or(NOT_RECEIVED)
    }
}

fn send_text(
    state: &mut State,
    now: Timestamp,
    (chat_id, first_name): (i64, &str),
    text: &str,
    reply_to: Option<i64>,
) -> Option<UpdateId> {
    if !state.members.may_write(chat_id, user(chat_id, first_name).id) {
        return None;
    }
    unblock(state, now, chat_id, first_name);
    let message_id = state.conversations.next_message_id();
    // A group keeps its title; a private chat has the name of its latest writer.
    let known = state.conversations.chats.get(&chat_id).filter(|_| chat_id < 0).cloned();
    state.conversations.set_chat(chat_id, known.unwrap_or_else(|| conversations::chat(chat_id, first_name)));
    let reply_to = reply_to.filter(|id| state.conversations.find(chat_id, *id).is_some());
    let mut message = Message {
        at: now,
        chat: chat_id,
        from: first_name.to_owned(),
        bot: false,
        text: text.to_owned(),
        message_id,
        update_id: None,
        buttons: None,
        content: None,
        more: None,
        reply_to,
        edits: Vec::new(),
    };
    message.update_id = push_text(state, now, &message, "");
    let update_id = message.update_id;
    state.conversations.write(message);
    update_id
}

/// Queues the update of a text that a person has written, or edited.
fn push_text(state: &mut State, now: Timestamp, message: &Message, edited: &str) -> Option<UpdateId> {
    let chat = state.conversations.chats.get(&message.chat)?;
    let is_channel = chat["type"] == "channel";
    let replied_to = message.reply_to.and_then(|id| state.conversations.find(message.chat, id));
    let content = MessageJson {
        message_id: message.message_id,
        from: (!is_channel).then(|| user(message.chat, &message.from)),
        sender_chat: is_channel.then_some(chat),
        chat,
        date: message.at.as_second(),
        edit_date: (!edited.is_empty()).then(|| now.as_second()),
        reply_to_message: replied_to.map(|message| to_json(&state.conversations, message)),
        text: &message.text,
        entities: detect(&message.text),
    };
    let kind = format!("{edited}{}", if is_channel { "channel_post" } else { "message" });
    let decisive = json!({"chat": {"id": message.chat}, "date": now.as_second()});
    let update = PendingUpdate::new(now, &kind, &decisive, ascii_json::encode(&content));
    state.push_encoded(now, update)
}

fn edit_text(state: &mut State, now: Timestamp, chat: i64, message_id: i64, text: &str) -> bool {
    let message = state.conversations.message(chat, message_id);
    let Some(message) = message.filter(|message| !message.bot && message.content.is_none()) else { return false };
    if message.text == text {
        return true;
    }
    message.edited(now, text.to_owned());
    let message = message.clone();
    push_text(state, now, &message, "edited_");
    true
}

/// A person who has blocked the bot and writes to it unblocks it, which the bot learns first.
pub(super) fn unblock(state: &mut State, now: Timestamp, chat: i64, first_name: &str) {
    if state.conversations.blocked.remove(&chat) {
        let bot = bot_user();
        let update = json!({
            "chat": conversations::chat(chat, first_name), "from": user(chat, first_name), "date": now.as_second(),
            "old_chat_member": {"status": "kicked", "user": bot, "until_date": 0},
            "new_chat_member": {"status": "member", "user": bot},
        });
        state.push(now, "my_chat_member", &update);
    }
}

fn press_button(
    state: &mut State,
    now: Timestamp,
    chat_id: i64,
    first_name: &str,
    message_id: i64,
    data: &str,
) -> Option<UpdateId> {
    state.conversations.chat_or_insert(chat_id, first_name);
    let message = state.conversations.message(chat_id, message_id).cloned();
    let from = user(chat_id, first_name);
    let decisive = json!({"from": {"id": from.id}, "message": {"chat": {"id": chat_id}}});
    let id = rand::random_range(1_u64 << 60..1 << 62).to_string();
    let query = QueryJson {
        id: &id,
        from,
        message: message.map(|message| with_reply(&state.conversations, &message)),
        chat_instance: "1",
        data,
    };
    state.callback_queries.add(&id, now);
    let update = PendingUpdate::new(now, "callback_query", &decisive, ascii_json::encode(&query));
    let update_id = state.push_encoded(now, update);
    state.presses.push(Press {
        query: id,
        at: now,
        chat: chat_id,
        from: first_name.to_owned(),
        message_id,
        data: data.to_owned(),
        update_id,
        answer: None,
    });
    update_id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_has_the_bytes_of_telegrams_updates() {
        let mut state = State::default();
        let id = send_text(&mut state, Timestamp::from_second(1_700_000_000).unwrap(), (7, "Zoë"), "/start a/b", None)
            .unwrap();
        let (_, update) = state.backlog.first(1).next().unwrap();
        let expected = format!(
            "{{\"update_id\":{id},\n\"message\":{{\"message_id\":1,\"from\":{{\"id\":7,\"is_bot\":false,\
             \"first_name\":\"Zo\\u00eb\",\"language_code\":\"en\"}},\"chat\":{{\"id\":7,\
             \"first_name\":\"Zo\\u00eb\",\"type\":\"private\"}},\"date\":1700000000,\"text\":\"/start a/b\",\
             \"entities\":[{{\"offset\":0,\"length\":6,\"type\":\"bot_command\"}}]}}}}"
        );
        assert_eq!(String::from_utf8(update.body(id.0)).unwrap(), expected);
    }

    #[test]
    fn a_callback_query_contains_the_message_of_its_button() {
        let mut state = State::default();
        let now = Timestamp::UNIX_EPOCH;
        send_text(&mut state, now, (-5, "Ann"), "a", None);
        press_button(&mut state, now, -5, "Ann", 1, "yes").unwrap();
        let (id, update) = state.backlog.first(2).last().unwrap();
        let body: Value = serde_json::from_slice(&update.body(id)).unwrap();
        let query = &body["callback_query"];
        assert_eq!((&query["data"], &query["message"]["text"]), (&Value::from("yes"), &Value::from("a")));
        assert_eq!(update.queue, query["from"]["id"].as_i64().unwrap() + (3 << 33));
        assert_eq!(update.chat, Some(-5));
    }
}
