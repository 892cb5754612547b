//! What the commands read of a message: a few fields, borrowed from the body they came in.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// A message, as far as a reply can depend on it.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) from: Option<User<'a>>,
    pub(super) chat: Chat<'a>,
    pub(super) text: Option<Text<'a>>,
    #[serde(rename = "message_thread_id")]
    thread: Option<i64>,
    #[serde(default, rename = "is_topic_message")]
    in_topic: bool,
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
}

/// A string of an update. What is not UTF-8 in it, and half a surrogate pair, has become U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

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
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        serde_json::from_slice::<Envelope<'a>>(body).ok()?.message
    }

    pub(super) fn in_private(&self) -> bool {
        self.chat.kind.0 == "private"
    }

    /// The topic the message was written in. Replies in a group without topics have a thread too,
    /// which is no place to send to.
    pub(super) fn topic(&self) -> Option<i64> {
        self.thread.filter(|_| self.in_topic)
    }
}

impl<'a> Command<'a> {
    /// The command with which `text` begins. The text itself is asked, not the entities that
    /// Telegram sends beside it, so that an update written by hand works too.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('/')?;
        let (word, args) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        let (name, bot) = word.split_once('@').map_or((word, None), |(name, bot)| (name, Some(bot)));
        (is_name(name) && bot.is_none_or(is_name)).then(|| Self { name, bot, args: args.trim() })
    }
}

/// Whether Telegram admits `word` as a name of commands and bots.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Text<'de>, E> {
                Ok(Text(String::from_utf8_lossy(bytes)))
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
            }
        }
        // As bytes, because `serde_json` lets a string that is not UTF-8 through in no other way.
        deserializer.deserialize_bytes(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_at_the_beginning_of_a_text_only() {
        for (text, name, bot, args) in [
            ("/start", "start", None, ""),
            ("/start payload", "start", None, "payload"),
            ("/start@my_bot", "start", Some("my_bot"), ""),
            ("/start@My_Bot  a  b ", "start", Some("My_Bot"), "a  b"),
            ("/start\npayload", "start", None, "payload"),
            ("/Start\u{a0}\tx", "Start", None, "x"),
            ("/set_2 \u{1f600}", "set_2", None, "\u{1f600}"),
        ] {
            assert_eq!(Command::read(text), Some(Command { name, bot, args }), "{text:?}");
        }
        for text in
            ["", "/", "start", " /start", "hello /start", "/ start", "/@bot", "/a@", "/a@b@c", "/a-b", "//", "/ä"]
        {
            assert_eq!(Command::read(text), None, "{text:?}");
        }
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
