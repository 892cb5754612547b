//! The actions of users: they write messages and press buttons.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::ascii_json;
use super::handle::Sandbox;
use super::methods::messages::to_json;
use super::people::{UserJson, bot_user, user};
use super::records::{Message, NOT_RECEIVED};
use super::state::State;
use super::state::backlog::PendingUpdate;
use super::state::conversations;
use crate::telegram::{command_length, is_word_char};
use crate::update::UpdateId;

/// A message in an update, with its fields in Telegram's order.
#[derive(Serialize)]
struct MessageJson<'a> {
    message_id: i64,
    from: UserJson<'a>,
    chat: &'a Value,
    date: i64,
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

/// A special part of a text. Offset and length are in UTF-16 units.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Entity {
    offset: usize,
    length: usize,
    r#type: &'static str,
}

impl Sandbox {
    /// Writes a text as a user: in a private chat if `chat` is positive, in a group if it is negative. Returns
    /// [`NOT_RECEIVED`] if the bot does not receive it.
    #[expect(clippy::must_use_candidate, reason = "callers may want the effect only")]
    pub fn send_text(&self, chat: i64, first_name: &str, text: &str) -> UpdateId {
        self.shared.change(|state, now| send_text(state, now, chat, first_name, text)).unwrap_or(NOT_RECEIVED)
    }

    /// Presses a button of a message as a user, which sends `data` to the bot.
    #[expect(clippy::must_use_candidate, reason = "callers may want the effect only")]
    pub fn press_button(&self, chat: i64, first_name: &str, message_id: i64, data: &str) -> UpdateId {
        let press = |state: &mut State, now| press_button(state, now, chat, first_name, message_id, data);
        self.shared.change(press).unwrap_or(NOT_RECEIVED)
    }
}

fn send_text(state: &mut State, now: Timestamp, chat_id: i64, first_name: &str, text: &str) -> Option<UpdateId> {
    unblock(state, now, chat_id, first_name);
    let message_id = state.conversations.next_message_id();
    let chat = conversations::chat(chat_id, first_name);
    let message = MessageJson {
        message_id,
        from: user(chat_id, first_name),
        chat: &chat,
        date: now.as_second(),
        text,
        entities: commands(text),
    };
    let decisive = json!({"chat": {"id": chat_id}, "date": now.as_second()});
    let update_id = state.push_encoded(PendingUpdate::new(now, "message", &decisive, ascii_json::encode(&message)));
    state.conversations.set_chat(chat_id, chat);
    state.conversations.write(Message {
        at: now,
        chat: chat_id,
        from: first_name.to_owned(),
        bot: false,
        text: text.to_owned(),
        message_id,
        update_id,
        buttons: None,
        content: None,
        edits: Vec::new(),
    });
    update_id
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
    let message = state.conversations.message(chat_id, message_id).cloned();
    state.conversations.chat_or_insert(chat_id, first_name);
    let from = user(chat_id, first_name);
    let decisive = json!({"from": {"id": from.id}, "message": {"chat": {"id": chat_id}}});
    let id = rand::random_range(1_u64 << 60..1 << 62).to_string();
    let query = QueryJson {
        id: &id,
        from,
        message: message.map(|message| to_json(&state.conversations, &message)),
        chat_instance: "1",
        data,
    };
    state.callback_queries.add(&id, now);
    state.push_encoded(PendingUpdate::new(now, "callback_query", &decisive, ascii_json::encode(&query)))
}

/// The commands in a text as Telegram finds them: `/name` or `/name@bot`, not inside a word.
pub(super) fn commands(text: &str) -> Vec<Entity> {
    let mut entities = Vec::new();
    let mut before = None;
    for (at, char) in text.char_indices() {
        let starts = char == '/' && !before.is_some_and(is_word_char);
        before = Some(char);
        let Some(length) = command_length(&text[at..]).filter(|_| starts) else { continue };
        let offset = text[..at].encode_utf16().count();
        entities.push(Entity { offset, length, r#type: "bot_command" });
    }
    entities
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, usize)> {
        commands(text).into_iter().map(|entity| (entity.offset, entity.length)).collect()
    }

    #[test]
    fn commands_are_marked_in_utf16_units() {
        assert_eq!(found("/start"), [(0, 6)]);
        assert_eq!(found("\u{1f514} /start@my_bot now, (/help)"), [(3, 13), (23, 5)]);
        assert_eq!(found("a/b </c> //d /e/f / and http://x.org/y"), []);
        assert_eq!(found("/start@ab"), [(0, 6)]);
        assert_eq!(found("/start, /help! /a\u{200b} /b\u{e4}"), [(0, 6), (8, 5), (15, 2)]);
    }

    #[test]
    fn an_update_has_the_bytes_of_telegrams_updates() {
        let mut state = State::default();
        let id = send_text(&mut state, Timestamp::from_second(1_700_000_000).unwrap(), 7, "Zoë", "/start a/b").unwrap();
        let (_, update) = state.backlog.first(1).next().unwrap();
        let expected = format!(
            "{{\"update_id\":{id},\n\"message\":{{\"message_id\":1,\"from\":{{\"id\":7,\"is_bot\":false,\
             \"first_name\":\"Zo\\u00eb\",\"language_code\":\"en\"}},\"chat\":{{\"first_name\":\"Zo\\u00eb\",\"id\":7,\
             \"type\":\"private\"}},\"date\":1700000000,\"text\":\"/start a/b\",\
             \"entities\":[{{\"offset\":0,\"length\":6,\"type\":\"bot_command\"}}]}}}}"
        );
        assert_eq!(String::from_utf8(update.body(id.0)).unwrap(), expected);
    }

    #[test]
    fn a_callback_query_contains_the_message_of_its_button() {
        let mut state = State::default();
        let now = Timestamp::UNIX_EPOCH;
        send_text(&mut state, now, -5, "Ann", "a");
        press_button(&mut state, now, -5, "Ann", 1, "yes").unwrap();
        let (id, update) = state.backlog.first(2).last().unwrap();
        let body: Value = serde_json::from_slice(&update.body(id)).unwrap();
        let query = &body["callback_query"];
        assert_eq!((&query["data"], &query["message"]["text"]), (&Value::from("yes"), &Value::from("a")));
        assert_eq!(update.queue, query["from"]["id"].as_i64().unwrap() + (3 << 33));
        assert_eq!(update.chat, Some(-5));
    }
}
