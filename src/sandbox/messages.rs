//! What the bot writes: sends, edits, deletes, and what Telegram has against it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::records::{Edit, Message};
use super::reply::{Params, Reply};
use super::world::{BOT_NAME, BOT_USERNAME, World, bot_id, chat_of};
use crate::telegram::{check_button_url, markup};

/// The longest text and the longest caption, in UTF-16 units.
const LONGEST_TEXT: usize = 4096;
const LONGEST_CAPTION: usize = 1024;
/// So many edits of a message are remembered.
const EDITS: usize = 100;

impl World {
    /// The chat a call is for. A chat that never wrote is made up, unless the sandbox is strict.
    pub(super) fn addressee(&mut self, params: &Params) -> Result<i64, Reply> {
        let id = params.text("chat_id").unwrap_or_default();
        if id.trim().is_empty() {
            return Err(Reply::bad("chat_id is empty"));
        }
        let chat = id.trim().parse().ok().filter(|id| *id != 0 && (!self.strict || self.chats.contains_key(id)));
        let chat: i64 = chat.ok_or_else(|| Reply::bad("chat not found"))?;
        self.make_room_for_chats();
        self.chats.entry(chat).or_insert_with(|| chat_of(chat, "Someone"));
        Ok(chat)
    }

    pub(super) fn send_message(&mut self, now: Timestamp, params: &Params) -> Result<Reply, Reply> {
        let text = read_text(params, "text")?;
        if text.is_empty() {
            return Err(Reply::bad("message text is empty"));
        }
        self.send(now, params, text, LONGEST_TEXT, "message is too long").map(Reply::ok)
    }

    pub(super) fn send_media(&mut self, now: Timestamp, params: &Params, media: &str) -> Result<Reply, Reply> {
        let caption = read_text(params, "caption")?;
        let text = format!("[{media}] {caption}").trim_end().to_owned();
        self.send(now, params, text, LONGEST_CAPTION, "message caption is too long").map(Reply::ok)
    }

    fn send(
        &mut self,
        now: Timestamp,
        params: &Params,
        text: String,
        longest: usize,
        too_long: &str,
    ) -> Result<Value, Reply> {
        let buttons = read_markup(params)?;
        let chat = self.addressee(params)?;
        if text.encode_utf16().count() > longest {
            return Err(Reply::bad(too_long));
        }
        let message_id = self.message_number();
        let (from, bot, update_id, edits) = (BOT_NAME.to_owned(), true, None, Vec::new());
        let message = Message { at: now, chat, from, bot, text, message_id, update_id, buttons, edits };
        let sent = self.as_sent(&message);
        self.write(message);
        Ok(sent)
    }

    /// What forwarding and copying come to here: the same text once more.
    pub(super) fn repeat_message(&mut self, now: Timestamp, params: &Params) -> Result<Value, Reply> {
        let from = params.integer("from_chat_id").ok_or_else(|| Reply::bad("chat_id is empty"))?;
        let id = params.integer("message_id").ok_or_else(|| Reply::bad("message identifier is not specified"))?;
        let text = self.message(from, id).map(|message| message.text.clone());
        self.send(now, params, text.ok_or_else(|| Reply::bad("message to forward not found"))?, usize::MAX, "")
    }

    /// An album is one message for each of its media.
    pub(super) fn send_album(&mut self, now: Timestamp, params: &Params) -> Result<Reply, Reply> {
        let Some(Ok(Value::Array(media))) = params.json("media") else {
            return Err(Reply::bad("can't parse media JSON object"));
        };
        let mut sent = Vec::new();
        for medium in media {
            let part = |name: &str| medium[name].as_str().unwrap_or_default();
            let text = format!("[{}] {}", part("type"), part("caption")).trim_end().to_owned();
            sent.push(self.send(now, params, text, usize::MAX, "")?);
        }
        Ok(Reply::ok(sent))
    }

    pub(super) fn edit_message(&mut self, now: Timestamp, params: &Params, what: &str) -> Result<Reply, Reply> {
        let text = read_text(params, what)?;
        if text.is_empty() && what == "text" {
            return Err(Reply::bad("message text is empty"));
        }
        let buttons = read_markup(params)?;
        if text.encode_utf16().count() > LONGEST_TEXT {
            return Err(Reply::bad("message is too long"));
        }
        let message = self.own_message(params, "edit")?;
        let edited = message.text != text;
        if !edited && message.buttons == buttons {
            return Err(Reply::bad(
                "message is not modified: specified new message content and reply markup are exactly the same as a \
                 current content and reply markup of the message",
            ));
        }
        if edited {
            if message.edits.len() == EDITS {
                message.edits.remove(0);
            }
            let before = std::mem::replace(&mut message.text, text);
            message.edits.push(Edit { at: now, text: before });
        }
        message.buttons = buttons;
        let message = message.clone();
        Ok(Reply::ok(self.as_sent(&message)))
    }

    pub(super) fn edit_markup(&mut self, params: &Params) -> Result<Reply, Reply> {
        let buttons = read_markup(params)?;
        let message = self.own_message(params, "edit")?;
        message.buttons = buttons;
        let message = message.clone();
        Ok(Reply::ok(self.as_sent(&message)))
    }

    pub(super) fn delete_message(&mut self, params: &Params) -> Result<Reply, Reply> {
        let chat = self.addressee(params)?;
        let id = params.integer("message_id").ok_or_else(|| Reply::bad("message identifier is not specified"))?;
        if self.message(chat, id).is_none() {
            return Err(Reply::bad("message to delete not found"));
        }
        self.deleted.insert(id);
        Ok(Reply::ok(true))
    }

    /// The message that is to be changed, if it is one of the bot's.
    fn own_message(&mut self, params: &Params, verb: &str) -> Result<&mut Message, Reply> {
        let chat = self.addressee(params)?;
        let id = params.integer("message_id").ok_or_else(|| Reply::bad("message identifier is not specified"))?;
        let message = self.message(chat, id).ok_or_else(|| Reply::bad(&format!("message to {verb} not found")))?;
        if message.bot { Ok(message) } else { Err(Reply::bad(&format!("message can't be {verb}ed"))) }
    }

    /// A message of the bot as the Bot API shows it.
    pub(super) fn as_sent(&self, message: &Message) -> Value {
        let mut sent = json!({
            "message_id": message.message_id,
            "from": {"id": bot_id(), "is_bot": true, "first_name": BOT_NAME, "username": BOT_USERNAME},
            "chat": self.chats.get(&message.chat),
            "date": message.at.as_second(),
            "text": message.text,
        });
        if let Some(edit) = message.edits.last() {
            sent["edit_date"] = json!(edit.at.as_second());
        }
        if let Some(buttons) = message.buttons.as_ref().filter(|buttons| buttons.get("inline_keyboard").is_some()) {
            sent["reply_markup"] = buttons.clone();
        }
        sent
    }
}

/// The text of a message, without the marks of its parse mode.
fn read_text(params: &Params, name: &str) -> Result<String, Reply> {
    let text = params.text(name).unwrap_or_default();
    let mode = params.text("parse_mode").unwrap_or_default();
    let text = markup::visible_text(&mode, &text).map_err(|problem| Reply::bad(&problem))?;
    Ok(text.trim().to_owned())
}

fn read_markup(params: &Params) -> Result<Option<Value>, Reply> {
    match params.json("reply_markup") {
        None => Ok(None),
        Some(Ok(markup)) if markup.is_object() => check_buttons(&markup).map(|()| Some(markup)),
        Some(Ok(_)) => Err(Reply::bad("object expected as reply markup")),
        Some(Err(_)) => Err(Reply::bad("can't parse reply keyboard markup JSON object")),
    }
}

/// What Telegram has against the buttons of a message.
fn check_buttons(markup: &Value) -> Result<(), Reply> {
    let rows = markup["inline_keyboard"].as_array().into_iter().flatten();
    for button in rows.flat_map(|row| row.as_array().into_iter().flatten()) {
        if let Some(url) = button["url"].as_str() {
            let refused = |problem| Reply::bad(&format!("inline keyboard button URL '{url}' is invalid: {problem}"));
            check_button_url(url).map_err(refused)?;
        }
        if button["callback_data"].as_str().is_some_and(|data| !(1..=64).contains(&data.len())) {
            return Err(Reply::bad("BUTTON_DATA_INVALID"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn perform(world: &mut World, method: &str, params: Value) -> Value {
        let Value::Object(params) = params else { unreachable!() };
        let reply = world.perform(Timestamp::UNIX_EPOCH, method, &Params(params));
        serde_json::from_slice(&reply.body).unwrap()
    }

    fn refusal(world: &mut World, method: &str, params: Value) -> String {
        perform(world, method, params)["description"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_message_needs_a_text_and_a_chat() {
        let world = &mut World::new();
        for (params, expected) in [
            (json!({}), "message text is empty"),
            (json!({"chat_id": 1, "text": " \n"}), "message text is empty"),
            (json!({"text": "a"}), "chat_id is empty"),
            (json!({"chat_id": "nobody", "text": "a"}), "chat not found"),
            (json!({"chat_id": 1, "text": "\u{1f514}".repeat(2049)}), "message is too long"),
            (json!({"chat_id": 1, "text": "a", "reply_markup": "{"}), "can't parse reply keyboard markup JSON object"),
            (json!({"chat_id": 1, "text": "a", "parse_mode": "RTF"}), "unsupported parse_mode"),
        ] {
            assert_eq!(refusal(world, "sendmessage", params), format!("Bad Request: {expected}"));
        }
        assert_eq!(
            perform(world, "sendmessage", json!({"chat_id": "1", "text": "\u{1f514}".repeat(2048)}))["ok"],
            true
        );
        world.strict = true;
        assert_eq!(refusal(world, "sendmessage", json!({"chat_id": 2, "text": "a"})), "Bad Request: chat not found");
    }

    #[test]
    fn buttons_may_come_as_an_object_or_as_text_and_are_kept() {
        let world = &mut World::new();
        let buttons = json!({"inline_keyboard": [[{"text": "a", "callback_data": "1"}]]});
        for markup in [buttons.clone(), buttons.to_string().into()] {
            let sent = perform(world, "sendmessage", json!({"chat_id": 1, "text": "a", "reply_markup": markup}));
            assert_eq!(sent["result"]["reply_markup"], buttons);
        }
        assert!(world.messages.iter().all(|message| message.buttons.as_ref() == Some(&buttons)));
    }

    #[test]
    fn an_edit_keeps_what_stood_there() {
        let world = &mut World::new();
        perform(world, "sendmessage", json!({"chat_id": 1, "text": "a"}));
        let edit = |text| json!({"chat_id": 1, "message_id": 1, "text": text});
        assert_eq!(perform(world, "editmessagetext", edit("b"))["result"]["text"], "b");
        assert!(refusal(world, "editmessagetext", edit("b")).starts_with("Bad Request: message is not modified"));
        let message = world.message(1, 1).unwrap();
        assert_eq!((message.text.as_str(), message.edits[0].text.as_str()), ("b", "a"));
        perform(world, "deletemessage", json!({"chat_id": 1, "message_id": 1}));
        assert_eq!(refusal(world, "editmessagetext", edit("c")), "Bad Request: message to edit not found");
    }

    #[test]
    fn copies_forwards_and_albums_are_messages_too() {
        let world = &mut World::new();
        perform(world, "sendmessage", json!({"chat_id": 1, "text": "a"}));
        let again = json!({"chat_id": 2, "from_chat_id": 1, "message_id": 1});
        assert_eq!(perform(world, "copymessage", again.clone())["result"], json!({"message_id": 2}));
        assert_eq!(perform(world, "forwardmessage", again)["result"]["text"], "a");
        let album = json!({"chat_id": 2, "media": [{"type": "photo", "caption": "b"}, {"type": "video"}]});
        assert_eq!(perform(world, "sendmediagroup", album)["result"][1]["text"], "[video]");
    }

    #[test]
    fn buttons_that_telegram_would_not_take_are_refused() {
        let world = &mut World::new();
        for (button, expected) in [
            (
                json!({"text": "a", "url": "localhost"}),
                "inline keyboard button URL 'localhost' is invalid: Wrong HTTP URL",
            ),
            (json!({"text": "a", "callback_data": "x".repeat(65)}), "BUTTON_DATA_INVALID"),
        ] {
            let params = json!({"chat_id": 1, "text": "a", "reply_markup": {"inline_keyboard": [[button]]}});
            assert_eq!(refusal(world, "sendmessage", params), format!("Bad Request: {expected}"));
        }
    }

    #[test]
    fn both_markdowns_are_read_and_refused_as_telegram_does() {
        let world = &mut World::new();
        let send = |mode, text| json!({"chat_id": 1, "parse_mode": mode, "text": text});
        for mode in ["Markdown", "MarkdownV2", "markdownv2"] {
            assert_eq!(perform(world, "sendmessage", send(mode, "*a* b"))["result"]["text"], "a b");
            let refused = refusal(world, "sendmessage", send(mode, "*a b"));
            assert!(refused.starts_with("Bad Request: can't parse entities: Can't find end of "), "{refused}");
        }
        let refused = refusal(world, "sendmessage", send("MarkdownV2", "Hello!"));
        let expected = "can't parse entities: Character '!' is reserved and must be escaped with the preceding '\\'";
        assert_eq!(refused, format!("Bad Request: {expected}"));
    }

    #[test]
    fn html_is_read_and_refused_as_telegram_does() {
        let world = &mut World::new();
        let send = |text| json!({"chat_id": 1, "parse_mode": "HTML", "text": text});
        assert_eq!(perform(world, "sendmessage", send("<b>a</b> &lt;3"))["result"]["text"], "a <3");
        assert!(refusal(world, "sendmessage", send("<x>")).starts_with("Bad Request: can't parse entities: "));
    }
}
