//! The parts of an update's body on which a reply can depend. They are read in one pass and borrow from the body.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::telegram::Call;
use crate::update::{Command, Entity, Text};

/// The body of an update.
#[derive(Debug, Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) callback_query: Option<CallbackQuery<'a>>,
}

/// A message.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) from: Option<User<'a>>,
    pub(super) chat: Chat<'a>,
    text: Option<Text<'a>>,
    entities: Option<Vec<Entity<'a>>>,
    caption: Option<Text<'a>>,
    caption_entities: Option<Vec<Entity<'a>>>,
    date: Option<i64>,
    thread_id: Option<i64>,
    is_in_topic: bool,
    direct_messages_topic: Option<DirectMessagesTopic>,
    /// Whether a person sent some content. A service message, such as "Ann joined the chat", has none.
    pub(super) has_content: bool,
}

/// A topic in the direct messages of a channel.
#[derive(Debug, Deserialize)]
struct DirectMessagesTopic {
    topic_id: i64,
}

/// A press of a button with `callback_data`.
#[derive(Debug, Deserialize)]
pub(super) struct CallbackQuery<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) from: Option<User<'a>>,
    /// The message with the button. A message that was sent in inline mode is unknown to the bot.
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
}

/// The sender of a message, or the person who pressed a button.
#[derive(Debug, Deserialize)]
pub(super) struct User<'a> {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) is_bot: bool,
    #[serde(default, borrow)]
    pub(super) first_name: Text<'a>,
    #[serde(default)]
    pub(super) last_name: Text<'a>,
    #[serde(default)]
    pub(super) username: Text<'a>,
    #[serde(default)]
    pub(super) language_code: Text<'a>,
}

/// The chat of a message.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Chat<'a> {
    pub(super) id: i64,
    #[serde(default, borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(default)]
    pub(super) title: Text<'a>,
    #[serde(default)]
    is_forum: bool,
    #[serde(default)]
    is_direct_messages: bool,
}

/// The fields of a message that hold what a person sent. All other messages are service messages.
const CONTENT: [&str; 24] = [
    "animation",
    "audio",
    "caption",
    "checklist",
    "contact",
    "dice",
    "document",
    "game",
    "giveaway",
    "giveaway_winners",
    "invoice",
    "live_photo",
    "location",
    "paid_media",
    "photo",
    "poll",
    "rich_message",
    "sticker",
    "story",
    "text",
    "venue",
    "video",
    "video_note",
    "voice",
];

impl<'a> Body<'a> {
    /// Reads a body. `None` where a part of it has an unknown shape.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        serde_json::from_slice(body).ok()
    }
}

impl Message<'_> {
    pub(super) fn is_private(&self) -> bool {
        self.chat.kind.0 == "private"
    }

    /// The text, or the caption of a photo and the like.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_ref().or(self.caption.as_ref()).map(|text| &*text.0)
    }

    /// The command at the beginning of the text or the caption.
    pub(super) fn command(&self) -> Option<Command<'_>> {
        let entities = if self.text.is_some() { &self.entities } else { &self.caption_entities };
        Command::read(self.text()?, entities.as_deref())
    }

    /// Adds the topic of the message to a call. A reply in a group without topics has a thread id too, which is not a
    /// topic.
    pub(super) fn with_topic(&self, call: Call) -> Call {
        let call = match self.thread_id.filter(|_| self.is_in_topic) {
            Some(topic) => call.with("message_thread_id", topic),
            None => call,
        };
        match &self.direct_messages_topic {
            Some(topic) => call.with("direct_messages_topic_id", topic.topic_id),
            None => call,
        }
    }

    /// Whether the topic of the message is unknown. A message that the bot can no longer access has the date 0 and a
    /// chat, but no topic.
    pub(super) fn has_lost_its_topic(&self) -> bool {
        self.date == Some(0) && (self.chat.is_forum || self.chat.is_direct_messages)
    }
}

/// Written by hand, because the derived form cannot note the names of fields that it skips.
impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MessageVisitor;
        impl<'de> Visitor<'de> for MessageVisitor {
            type Value = Message<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message<'de>, A::Error> {
                let (mut chat, mut message) = (None, Message::default());
                while let Some(Text(name)) = map.next_key()? {
                    message.has_content |= CONTENT.contains(&&*name);
                    match &*name {
                        "from" => message.from = map.next_value()?,
                        "chat" => chat = Some(map.next_value()?),
                        "text" => message.text = map.next_value()?,
                        "entities" => message.entities = map.next_value()?,
                        "caption" => message.caption = map.next_value()?,
                        "caption_entities" => message.caption_entities = map.next_value()?,
                        "date" => message.date = map.next_value()?,
                        "message_thread_id" => message.thread_id = map.next_value()?,
                        "is_topic_message" => message.is_in_topic = map.next_value()?,
                        "direct_messages_topic" => message.direct_messages_topic = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                message.chat = chat.ok_or_else(|| A::Error::missing_field("chat"))?;
                Ok(message)
            }
        }
        deserializer.deserialize_map(MessageVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn invalid_utf8_in_a_string_is_replaced() {
        let body =
            b"{\"message\":{\"chat\":{\"id\":1},\"text\":\"a\xff\",\"from\":{\"id\":2,\"first_name\":\"\\ud800b\"},\
            \"caption\":\"\xc3(\"},\"update_id\":3}";
        let message = Body::read(body).unwrap().message.unwrap();
        assert_eq!(message.text.unwrap().0, "a\u{fffd}");
        assert!(message.from.unwrap().first_name.0.ends_with('b'));
    }

    #[test]
    fn a_message_borrows_from_its_body() {
        let body = br#"{"update_id":1,"message":{"chat":{"id":-9007199254740995,"type":"group"},"text":"/start"}}"#;
        let message = Body::read(body).unwrap().message.unwrap();
        assert!(matches!(message.text, Some(Text(Cow::Borrowed("/start")))));
        assert_eq!(message.chat.id, -9_007_199_254_740_995);
    }

    #[test]
    fn a_body_of_another_shape_has_no_message() {
        for body in [
            "",
            "{}",
            "[]",
            "nonsense",
            r#"{"message":null}"#,
            r#"{"message":{"chat":{"id":"x"}}}"#,
            r#"{"message":{}}"#,
        ] {
            assert!(Body::read(body.as_bytes()).and_then(|body| body.message).is_none(), "{body}");
        }
    }

    #[test]
    fn the_entities_of_telegram_decide_where_there_are_any() {
        let text = |text: &str, entities: &serde_json::Value| {
            let body = serde_json::json!({ "message": { "chat": { "id": 1 }, "text": text, "entities": entities } });
            Body::read(body.to_string().leak().as_bytes()).unwrap().message.unwrap()
        };
        let marked = |kind, offset, length| serde_json::json!([{ "type": kind, "offset": offset, "length": length }]);
        let command = text("/start, a", &marked("bot_command", 0, 6));
        assert_eq!(command.command().map(|command| (command.name, command.args)), Some(("start", ", a")));
        assert_eq!(text("/start a", &serde_json::Value::Null).command().map(|command| command.args), Some("a"));
        for entities in [
            marked("code", 0, 6),
            marked("bot_command", 1, 5),
            marked("bot_command", 0, 60),
            marked("bot_command", 0, 0),
        ] {
            assert_eq!(text("/start, a", &entities).command(), None, "{entities}");
        }
        assert_eq!(text("/\u{1f600}", &marked("bot_command", 0, 2)).command(), None, "half a character");
    }
}
