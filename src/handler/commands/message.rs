//! What the commands read of a message: a few fields, borrowed from the body they came in.

use serde::Deserialize;

use super::text::Text;
use crate::telegram::{Call, command_length};

/// A message, as far as a reply can depend on it.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) from: Option<User<'a>>,
    pub(super) chat: Chat<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    entities: Option<Vec<Entity<'a>>>,
    #[serde(borrow)]
    caption: Option<Text<'a>>,
    #[serde(borrow)]
    caption_entities: Option<Vec<Entity<'a>>>,
    date: Option<i64>,
    #[serde(rename = "message_thread_id")]
    thread: Option<i64>,
    #[serde(default, rename = "is_topic_message")]
    in_topic: bool,
    direct_messages_topic: Option<DirectMessagesTopic>,
}

/// A part of a text that means something; counted in UTF-16 units.
#[derive(Debug, Deserialize)]
struct Entity<'a> {
    offset: usize,
    length: usize,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

/// A topic in the direct messages of a channel.
#[derive(Debug, Deserialize)]
struct DirectMessagesTopic {
    topic_id: i64,
}

/// A press of a button with `callback_data`.
#[derive(Debug, Deserialize)]
pub(super) struct Press<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) from: Option<User<'a>>,
    /// The message with the button; none where it was sent inline, from nowhere that the bot knows.
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
}

/// Who wrote it.
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

/// Where it was written.
#[derive(Debug, Deserialize)]
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

/// Whether any string in a body begins with a slash, which may be written with a backslash before it or as
/// a `\u002f`. Most of what people say does not, and need not be read any further.
pub(super) fn may_hold_a_command(body: &[u8]) -> bool {
    body.windows(2).any(|pair| matches!(pair, [b'"', b'/' | b'\\']))
}

/// A command at the beginning of a text: `/name@bot args`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    pub(super) name: &'a str,
    /// The bot it is addressed to, where the text says so.
    pub(super) bot: Option<&'a str>,
    /// What follows the command, without white space around it.
    pub(super) args: &'a str,
}

impl<'a> Message<'a> {
    /// The message of an update; none where the body holds none, or one of another shape.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            message: Option<Message<'a>>,
        }
        serde_json::from_slice::<Envelope<'a>>(without_mark(body)).ok()?.message
    }

    pub(super) fn in_private(&self) -> bool {
        self.chat.kind.0 == "private"
    }

    /// What the person wrote: the text, or the caption of a photo and the like.
    pub(super) fn words(&self) -> Option<&str> {
        self.text.as_ref().or(self.caption.as_ref()).map(|text| &*text.0)
    }

    /// The command with which the text or the caption begins, as Telegram marks it. Where nothing is marked
    /// at all, as in an update that was written by hand, Telegram's rule is applied here.
    pub(super) fn command(&self) -> Option<Command<'_>> {
        let entities = if self.text.is_some() { &self.entities } else { &self.caption_entities };
        let marked = entities.as_deref().filter(|entities| !entities.is_empty());
        let words = self.words()?;
        let length = match marked {
            Some(entities) => {
                let at_the_beginning = |entity: &&Entity| entity.offset == 0 && entity.kind.0 == "bot_command";
                bytes_of(words, entities.iter().find(at_the_beginning)?.length)?
            }
            None => command_length(words)?,
        };
        Command::read(words, length)
    }

    /// Adds the topic the message was written in to a call. Replies in a group without topics have a thread
    /// too, which is nothing to send to.
    pub(super) fn in_its_topic(&self, call: Call) -> Call {
        let call = match self.thread.filter(|_| self.in_topic) {
            Some(topic) => call.with("message_thread_id", topic),
            None => call,
        };
        match &self.direct_messages_topic {
            Some(topic) => call.with("direct_messages_topic_id", topic.topic_id),
            None => call,
        }
    }

    /// Whether a reply would miss its topic: a message that the bot can no longer see has a chat and no topic.
    pub(super) fn has_lost_its_topic(&self) -> bool {
        self.date == Some(0) && (self.chat.is_forum || self.chat.is_direct_messages)
    }
}

impl<'a> Press<'a> {
    /// The press of an update; none where the body holds none, or one of another shape.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            callback_query: Option<Press<'a>>,
        }
        serde_json::from_slice::<Envelope<'a>>(without_mark(body)).ok()?.callback_query
    }
}

impl<'a> Command<'a> {
    /// The command that the first `length` bytes of `text` are.
    fn read(text: &'a str, length: usize) -> Option<Self> {
        let (word, args) = text.split_at_checked(length)?;
        let word = word.strip_prefix('/')?;
        let (name, bot) = word.split_once('@').map_or((word, None), |(name, bot)| (name, Some(bot)));
        (is_name(name) && bot.is_none_or(is_name)).then(|| Self { name, bot, args: args.trim_matches(is_blank) })
    }
}

pub(super) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// How many bytes the first units of UTF-16 of a text take, if they end between two characters.
fn bytes_of(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(c.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

/// Whether nothing is seen of a character. Some keyboards put zero-width characters behind a command.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Whether Telegram admits `word` as a name of commands and bots.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn of(text: &str, entities: &serde_json::Value) -> Message<'static> {
        let body = serde_json::json!({ "message": { "chat": { "id": 1 }, "text": text, "entities": entities } });
        Message::read(body.to_string().leak().as_bytes()).unwrap()
    }

    #[test]
    fn a_command_is_read_as_telegram_would_mark_it() {
        let none = serde_json::Value::Null;
        for (text, name, bot, args) in [
            ("/start", "start", None, ""),
            ("/start payload", "start", None, "payload"),
            ("/start@my_bot", "start", Some("my_bot"), ""),
            ("/start@My_Bot  a  b ", "start", Some("My_Bot"), "a  b"),
            ("/start\npayload", "start", None, "payload"),
            ("/Start\u{a0}\tx", "Start", None, "x"),
            ("/set_2 \u{1f600}", "set_2", None, "\u{1f600}"),
            ("/start,", "start", None, ","),
            ("/start! now", "start", None, "! now"),
            ("/start\u{200b}", "start", None, ""),
            ("/start\u{1f600}", "start", None, "\u{1f600}"),
            ("/a@", "a", None, "@"),
            ("/a-b", "a", None, "-b"),
            ("/start@bot@c", "start", Some("bot"), "@c"),
        ] {
            assert_eq!(of(text, &none).command(), Some(Command { name, bot, args }), "{text:?}");
        }
        for text in
            ["", "/", "start", " /start", "hello /start", "/ start", "/@bot", "/a/b", "//", "/\u{e4}", "/a\u{e4}"]
        {
            assert_eq!(of(text, &none).command(), None, "{text:?}");
        }
    }

    #[test]
    fn what_telegram_marks_counts_where_it_marks_anything() {
        let marked = |kind, offset, length| serde_json::json!([{ "type": kind, "offset": offset, "length": length }]);
        let command = of("/start, a", &marked("bot_command", 0, 6));
        assert_eq!(command.command().map(|command| (command.name, command.args)), Some(("start", ", a")));
        for entities in [
            marked("code", 0, 6),
            marked("bot_command", 1, 5),
            marked("bot_command", 0, 60),
            marked("bot_command", 0, 0),
        ] {
            assert_eq!(of("/start, a", &entities).command(), None, "{entities}");
        }
        assert_eq!(of("/\u{1f600}", &marked("bot_command", 0, 2)).command(), None, "half a character");
    }

    #[test]
    fn a_body_without_a_slash_at_the_beginning_of_a_string_holds_no_command() {
        for body in [r#"{"text":"/start"}"#, r#"{"text": "\/start"}"#, r#"{"text":"\u002fstart"}"#] {
            assert!(may_hold_a_command(body.as_bytes()), "{body}");
        }
        for body in ["", "{}", r#"{"text":"start"}"#, r#"{"text":"and/or /start \\"}"#] {
            assert!(!may_hold_a_command(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn a_string_that_is_not_utf8_is_read_with_what_is_wrong_replaced() {
        let body =
            b"{\"message\":{\"chat\":{\"id\":1},\"text\":\"a\xff\",\"from\":{\"id\":2,\"first_name\":\"\\ud800b\"},\
            \"caption\":\"\xc3(\"},\"update_id\":3}";
        let message = Message::read(body).unwrap();
        assert_eq!(message.text.unwrap().0, "a\u{fffd}");
        assert!(message.from.unwrap().first_name.0.ends_with('b'));
    }

    #[test]
    fn a_message_borrows_from_its_body() {
        let body = br#"{"update_id":1,"message":{"chat":{"id":-9007199254740995,"type":"group"},"text":"/start"}}"#;
        let message = Message::read(body).unwrap();
        assert!(matches!(message.text, Some(Text(Cow::Borrowed("/start")))));
        assert_eq!(message.chat.id, -9_007_199_254_740_995);
    }

    #[test]
    fn what_is_no_message_of_the_known_shape_is_none() {
        for body in ["", "{}", "[]", "nonsense", r#"{"message":null}"#, r#"{"message":{"chat":{"id":"x"}}}"#] {
            assert!(Message::read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
