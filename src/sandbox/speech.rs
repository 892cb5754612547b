//! What users do: write, and press buttons.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::records::Message;
use super::world::{BOT_NAME, BOT_USERNAME, World, bot_id, chat_of};
use super::{NOT_RECEIVED, Sandbox, ascii};
use crate::telegram::{command_length, is_word_char};
use crate::update::UpdateId;

/// A message in an update, its fields in Telegram's order.
#[derive(Serialize)]
struct MessageJson<'a> {
    message_id: i64,
    from: UserJson<'a>,
    chat: &'a Value,
    date: i64,
    text: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entities: Vec<Entity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_markup: Option<&'a Value>,
}

#[derive(Serialize)]
struct UserJson<'a> {
    id: i64,
    is_bot: bool,
    first_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
}

#[derive(Serialize)]
struct QueryJson<'a> {
    id: &'a str,
    from: UserJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageJson<'a>>,
    chat_instance: &'a str,
    data: &'a str,
}

/// A part of a text that means something; counted in UTF-16 units.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Entity {
    offset: usize,
    length: usize,
    r#type: &'static str,
}

impl Sandbox {
    /// A user writes in a chat: in a private one if the id is that of a user, in a group if it is
    /// negative. [`NOT_RECEIVED`] if the bot does not receive it.
    #[expect(clippy::must_use_candidate, reason = "the deed counts, not the number")]
    pub fn say(&self, chat: i64, first_name: &str, text: &str) -> UpdateId {
        self.shared.change(|world, now| world.say(now, chat, first_name, text)).unwrap_or(NOT_RECEIVED)
    }

    /// A user presses a button of a message, which sends its `data` to the bot.
    #[expect(clippy::must_use_candidate, reason = "the deed counts, not the number")]
    pub fn press(&self, chat: i64, first_name: &str, message_id: i64, data: &str) -> UpdateId {
        let press = |world: &mut World, now| world.press(now, chat, first_name, message_id, data);
        self.shared.change(press).unwrap_or(NOT_RECEIVED)
    }
}

impl World {
    fn say(&mut self, now: Timestamp, chat: i64, first_name: &str, text: &str) -> Option<UpdateId> {
        self.make_room_for_chats();
        let message_id = self.message_number();
        let of = chat_of(chat, first_name);
        let content = MessageJson {
            message_id,
            from: user(chat, first_name),
            chat: &of,
            date: now.as_second(),
            text,
            entities: commands(text),
            reply_markup: None,
        };
        let bytes = ascii::json(&content);
        let update_id =
            self.push_encoded(now, "message", &serde_json::json!({"chat": of, "date": now.as_second()}), bytes);
        self.chats.insert(chat, of);
        let (from, bot, buttons, edits) = (first_name.to_owned(), false, None, Vec::new());
        let text = text.to_owned();
        self.write(Message { at: now, chat, from, bot, text, message_id, update_id, buttons, edits });
        update_id
    }

    fn press(&mut self, now: Timestamp, chat: i64, first_name: &str, message_id: i64, data: &str) -> Option<UpdateId> {
        let message = self.message(chat, message_id).cloned();
        let of = self.chats.entry(chat).or_insert_with(|| chat_of(chat, first_name)).clone();
        let from = user(chat, first_name);
        let route = serde_json::json!({"from": {"id": from.id}, "message": {"chat": {"id": chat}}});
        let id = rand::random_range(1_u64 << 60..1 << 62).to_string();
        let content = QueryJson {
            id: &id,
            from,
            message: message.as_ref().map(|message| MessageJson {
                message_id,
                from: bot(),
                chat: &of,
                date: message.at.as_second(),
                text: &message.text,
                entities: Vec::new(),
                reply_markup: message.buttons.as_ref(),
            }),
            chat_instance: "1",
            data,
        };
        self.expect_answer(&id, now);
        self.push_encoded(now, "callback_query", &route, ascii::json(&content))
    }
}

/// In a private chat the chat's id is the user's; in a group each first name is one user.
fn user(chat: i64, first_name: &str) -> UserJson<'_> {
    let of_name = first_name.bytes().fold(7_i64, |hash, byte| (hash * 31 + i64::from(byte)) % 1_000_000_007);
    let id = if chat > 0 { chat } else { 1_000_000_000 + of_name };
    UserJson { id, is_bot: false, first_name, username: None, language_code: Some("en") }
}

fn bot() -> UserJson<'static> {
    UserJson { id: bot_id(), is_bot: true, first_name: BOT_NAME, username: Some(BOT_USERNAME), language_code: None }
}

/// The commands in a text, as Telegram marks them: `/name` or `/name@bot`, not within a word.
fn commands(text: &str) -> Vec<Entity> {
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
    fn an_update_looks_as_telegrams_do() {
        let mut world = World::new();
        let id = world.say(Timestamp::from_second(1_700_000_000).unwrap(), 7, "Zoë", "/start a/b").unwrap();
        let (_, update) = world.backlog.first(1).next().unwrap();
        let expected = format!(
            "{{\"update_id\":{id},\n\"message\":{{\"message_id\":1,\"from\":{{\"id\":7,\"is_bot\":false,\
             \"first_name\":\"Zo\\u00eb\",\"language_code\":\"en\"}},\"chat\":{{\"first_name\":\"Zo\\u00eb\",\"id\":7,\
             \"type\":\"private\"}},\"date\":1700000000,\"text\":\"/start a/b\",\
             \"entities\":[{{\"offset\":0,\"length\":6,\"type\":\"bot_command\"}}]}}}}"
        );
        assert_eq!(String::from_utf8(update.body(id.0)).unwrap(), expected);
    }

    #[test]
    fn a_pressed_button_brings_its_message_along() {
        let mut world = World::new();
        let now = Timestamp::UNIX_EPOCH;
        world.say(now, -5, "Ann", "a");
        world.press(now, -5, "Ann", 1, "yes").unwrap();
        let (id, update) = world.backlog.first(2).last().unwrap();
        let body: Value = serde_json::from_slice(&update.body(id)).unwrap();
        let query = &body["callback_query"];
        assert_eq!((&query["data"], &query["message"]["text"]), (&Value::from("yes"), &Value::from("a")));
        assert_eq!(update.queue, query["from"]["id"].as_i64().unwrap() + (3 << 33));
        assert_eq!(update.chat, Some(-5));
    }
}
